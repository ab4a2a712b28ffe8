import type { BenchOptions } from './options.js';
import { showProgress } from './progress.js';
import { roundLine, type Series } from './report.js';
import type { Figures, Station } from './station.js';
import type { BenchCommand, Workload } from './workload.js';

/** The usual service is slower: it gets one of so many messages, so that both are measured for about as long. */
const USUAL_SHARE = 4;
/** Before the first round each gets one of so many of a round's messages: what has just started is slow. */
const WARM_UP_SHARE = 4;

/** Chats, a warm-up, then the rounds, in which they take turns at going first. The first station is Parley's, which creates the chats. */
export async function runRounds(
  stations: readonly Station[],
  workload: Workload,
  options: BenchOptions,
): Promise<Series[]> {
  const [parley] = stations;
  if (parley === undefined) return [];
  const created = await measure(parley, 'creating chats', workload.creations(), options.chats, 'create-');
  if (created.faults.length > 0) throw new Error(`the chats were not created: ${created.faults.join(', ')}`);

  const send = (station: Station, round: string, messages: number) => {
    const count = Math.ceil(station.subject.namespace === 'usual' ? messages / USUAL_SHARE : messages);
    const prefix = `${round.replace(' ', '-')}-`;
    return measure(station, `${round}, ${station.subject.title}`, workload.messages(count, prefix), count, prefix);
  };
  for (const station of stations) await send(station, 'warm-up', options.messages / WARM_UP_SHARE);

  const series = stations.map(({ subject }): Series => ({ title: subject.title, rounds: [] }));
  for (let round = 0; round < options.rounds; round += 1) {
    const turns = [...stations.entries()];
    for (const [index, station] of round % 2 === 0 ? turns : turns.reverse())
      series[index]?.rounds.push(await send(station, `round ${round + 1}`, options.messages));
    console.error(roundLine(series, round));
  }
  return series;
}

async function measure(
  station: Station,
  title: string,
  commands: Iterable<BenchCommand>,
  count: number,
  prefix: string,
): Promise<Figures> {
  const progress = showProgress(title, count);
  try {
    return await station.measure(commands, count, prefix, progress.at);
  } finally {
    progress.end();
  }
}

/**
 * The cost of policy decisions in a worker at full speed: the share of its busy time for gathering attributes, deciding
 * and storing decisions, from V8's CPU profile of W1.
 * Usage: npm run bench -- policy [-- --messages N]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BENCH = fileURLToPath(new URL('./run.js', import.meta.url));
/** One round of W1 on Parley alone. */
const ARGUMENTS = ['--only', 'W1', '--alone', '--closed', '--rounds', '1', '--chats', '10000', '--reports', 'none'];
/** The share of permits that are stored: the default, and all. */
const SHARES = ['0.01', '1'];
const DEFAULT_MESSAGES = '60000';
const MICROSECONDS_PER_MS = 1_000;

/** Functions that only the policy uses; their callees count with them. */
const POLICY_CODE = /\/(application\/policy|adapters\/policy)\/|\/@casl\/|\/decision-rows\.js/;
const POLICY_FUNCTIONS = new Set([
  'attributesAbout',
  'attributesInChat',
  'attributesOfMessage',
  'attributesOfText',
  'keepDecisions',
]);
const NOT_BUSY = new Set(['(idle)', '(root)', '(program)']);

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

interface Times {
  busyMs: number;
  policyMs: number;
}

function timesOf({ nodes, samples, timeDeltas }: Profile): Times {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const isPolicy = new Map<number, boolean>();
  const mark = (id: number, within: boolean): void => {
    const node = byId.get(id);
    if (node === undefined) return;
    const { url, functionName } = node.callFrame;
    const here = within || POLICY_CODE.test(url) || POLICY_FUNCTIONS.has(functionName);
    isPolicy.set(id, here);
    for (const child of node.children ?? []) mark(child, here);
  };
  const [root] = nodes;
  if (root !== undefined) mark(root.id, false);
  const times: Times = { busyMs: 0, policyMs: 0 };
  for (const [index, id] of samples.entries()) {
    const ms = (timeDeltas[index] ?? 0) / MICROSECONDS_PER_MS;
    if (NOT_BUSY.has(byId.get(id)?.callFrame.functionName ?? '')) continue;
    times.busyMs += ms;
    if (isPolicy.get(id)) times.policyMs += ms;
  }
  return times;
}

async function profiled(share: string, messages: string, folder: string): Promise<Times> {
  const args = [BENCH, ...ARGUMENTS, '--messages', messages, '--permit-share', share, '--profile', folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the bench ended with ${code}`);
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('the worker has left no profile');
  return timesOf(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile);
}

const { values } = parseArgs({ options: { messages: { type: 'string', default: DEFAULT_MESSAGES } } });
const folder = mkdtempSync(join(tmpdir(), 'parley-policy-cost-'));
try {
  for (const share of SHARES) {
    const { busyMs, policyMs } = await profiled(share, values.messages, mkdtempSync(join(folder, 'share-')));
    // Both figures include the start and the warm-up.
    const perCommand = (policyMs * MICROSECONDS_PER_MS) / Number(values.messages);
    const percent = ((100 * policyMs) / busyMs).toFixed(1);
    console.log(
      `keeping ${share} of the permits: ${percent} % of the worker's busy time, ${perCommand.toFixed(1)} µs a command`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

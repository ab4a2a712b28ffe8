import type { SyncLog } from '../../../../src/application/ports/queries/sync-log.js';

/** A sync log between whose answers something happens: the statements of one page are not one snapshot. */
export function interrupted(log: SyncLog, between: () => Promise<void>): SyncLog {
  const after = async <T>(answer: Promise<T>): Promise<T> => {
    const given = await answer;
    await between();
    return given;
  };
  return {
    cut: () => after(log.cut()),
    horizon: (...asked) => after(log.horizon(...asked)),
    changedChats: (...asked) => after(log.changedChats(...asked)),
    lostChats: (...asked) => after(log.lostChats(...asked)),
    firstBeyond: (...asked) => after(log.firstBeyond(...asked)),
    eventsIn: (...asked) => after(log.eventsIn(...asked)),
  };
}

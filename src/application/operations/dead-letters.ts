/** Operator functions on dead letters: list, show, replay, drop. */
import type {
  BrowsedLetter,
  DeadLetter,
  DeadLetterQueue,
  LetterDescription,
  LetterReason,
  Survey,
} from '../ports/transport/dead-letter-queue.js';

/** Maximum number of letters that `showDeadLetters` returns. A message id is unique only for its actor. */
const SHOWN_MAX = 100;

/** Selects letters. All given conditions must hold. */
export interface LetterFilter {
  reason?: LetterReason;
  /** Dead-lettered at or after this time. */
  since?: Date;
  type?: string;
  chatId?: string;
  messageIds?: readonly string[];
}

export function matchesFilter(letter: DeadLetter, { reason, since, type, chatId, messageIds }: LetterFilter): boolean {
  if (reason !== undefined && letter.reason !== reason) return false;
  if (since !== undefined && (letter.at === null || letter.at < since)) return false;
  if (type !== undefined && letter.type !== type) return false;
  if (chatId !== undefined && letter.chatId !== chatId) return false;
  return messageIds === undefined || (letter.messageId !== null && messageIds.includes(letter.messageId));
}

export type PlacedLetter = DeadLetter & { place: number };

export interface LetterList {
  survey: Survey;
  /** Number of letters that match the filter. */
  matching: number;
  /** The matching letters by reason; `unknown` for those without one. */
  byReason: Record<string, number>;
  /** The first matching letters. */
  letters: PlacedLetter[];
}

/** Lists at most `limit` letters and counts all. Nothing is removed. */
export async function listDeadLetters(
  queue: DeadLetterQueue,
  filter: LetterFilter,
  limit: number,
): Promise<LetterList> {
  const letters: PlacedLetter[] = [];
  const byReason = new Map<string, number>();
  let matching = 0;
  const survey = await queue.browse((letter) => {
    if (!matchesFilter(letter, filter)) return;
    matching += 1;
    const reason = letter.reason ?? 'unknown';
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
    if (letters.length < limit) letters.push(placed(letter));
  });
  return { survey, matching, byReason: Object.fromEntries([...byReason].sort()), letters };
}

export type LetterChoice = { messageId: string } | { place: number };

export interface ShownLetter {
  place: number;
  description: LetterDescription;
  /** Null unless it was asked for. */
  body: string | null;
}

/** The letters with this message id, or the letter at this place. */
export async function showDeadLetters(
  queue: DeadLetterQueue,
  choice: LetterChoice,
  { withBody }: { withBody: boolean },
): Promise<{ survey: Survey; letters: ShownLetter[] }> {
  const letters: ShownLetter[] = [];
  const survey = await queue.browse((letter) => {
    const isChosen = 'place' in choice ? letter.place === choice.place : letter.messageId === choice.messageId;
    if (!isChosen || letters.length >= SHOWN_MAX) return;
    const body = withBody ? letter.body() : null;
    letters.push({ place: letter.place, description: letter.describe(), body });
  });
  return { survey, letters };
}

export interface ReplayPlan {
  survey: Survey;
  /** Number of selected letters that can be published again. */
  replayable: number;
  /** Number of selected letters that cannot. */
  impossible: number;
}

/** Counts what a replay would do. `onImpossible` gets each letter that cannot be published again, with the reason. */
export async function planReplay(
  queue: DeadLetterQueue,
  filter: LetterFilter,
  onImpossible: (letter: PlacedLetter, obstacle: string) => void,
): Promise<ReplayPlan> {
  let replayable = 0;
  let impossible = 0;
  const survey = await queue.browse((letter) => {
    if (!matchesFilter(letter, filter)) return;
    const obstacle = letter.obstacleToReplay();
    if (obstacle === null) {
      replayable += 1;
      return;
    }
    impossible += 1;
    onImpossible(placed(letter), obstacle);
  });
  return { survey, replayable, impossible };
}

export interface ReplayOptions {
  perSecond: number | null;
  /** Resolves when the next letter may be published. */
  pace(): Promise<void>;
  onReplayed(): void;
  /** The letter stays in the queue, because its headers cannot be written again. */
  onUnwritable(letter: DeadLetter): void;
}

export type ReplayOutcome =
  /** `missed`: letters that another consumer has received. */
  | { outcome: 'replayed'; replayed: number; missed: number }
  /** The others are still in the queue. */
  | { outcome: 'interrupted'; replayed: number; cause: Error };

/** Publishes the selected letters that were ready when the plan was made, from the front of the queue. */
export async function replayLetters(
  queue: DeadLetterQueue,
  filter: LetterFilter,
  plan: ReplayPlan,
  { perSecond, pace, onReplayed, onUnwritable }: ReplayOptions,
): Promise<ReplayOutcome> {
  let replayed = 0;
  if (plan.replayable === 0) return { outcome: 'replayed', replayed, missed: 0 };
  try {
    const missed = await queue.replay({
      ...{ most: plan.survey.seen, perSecond, pace, onUnwritable },
      isMeant: (letter) => matchesFilter(letter, filter),
      onReplayed() {
        replayed += 1;
        onReplayed();
      },
    });
    return { outcome: 'replayed', replayed, missed };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    return { outcome: 'interrupted', replayed, cause };
  }
}

export interface DropOutcome {
  survey: Survey;
  /** Number of selected letters. */
  selected: number;
  /** 0 if the drop was not confirmed. */
  dropped: number;
}

/**
 * Removes the selected letters if `confirm` resolves to true. Only letters that were read before the confirmation are
 * removed.
 */
export async function dropDeadLetters(
  queue: DeadLetterQueue,
  filter: LetterFilter,
  confirm: (selected: number, seen: number) => Promise<boolean>,
): Promise<DropOutcome> {
  const places: number[] = [];
  let seen = 0;
  let dropped = 0;
  const survey = await queue.browse(
    (letter) => {
      seen += 1;
      if (matchesFilter(letter, filter)) places.push(letter.place);
    },
    async (remove) => {
      if (places.length === 0 || !(await confirm(places.length, seen))) return;
      for (const place of places) remove(place);
      dropped = places.length;
    },
  );
  return { survey, selected: places.length, dropped };
}

function placed({
  place,
  messageId,
  type,
  chatId,
  reason,
  detail,
  at,
  worker,
  routingKey,
}: BrowsedLetter): PlacedLetter {
  return { place, messageId, type, chatId, reason, detail, at, worker, routingKey };
}

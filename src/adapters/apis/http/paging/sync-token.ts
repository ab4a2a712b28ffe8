/**
 * Encodes a sync token in few bytes: integers with seven bits per byte, low bits first. The target cut of a walk is
 * encoded as its distance from the start. With 1,024 partitions of a million events each, a token has about 7 KiB.
 */
import type { Cut } from '../../../../application/ports/queries/sync-log.js';
import type { SyncProgress } from '../../../../application/queries/sync-chats.js';
import type { Place } from '../../../../application/queries/sync-page.js';

/** Version of the format. Tokens of other versions are invalid. */
const FORM = 2;
const HAS_FROM = 1;
const HAS_WALK = 2;

export function encodeSyncProgress({ from, shown, walk }: SyncProgress): Uint8Array {
  const bytes = [FORM, (from === null ? 0 : HAS_FROM) | (walk === null ? 0 : HAS_WALK)];
  const put = (value: number) => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  };
  const putCut = ({ positions, imports }: Cut, base: Cut | null) => {
    put(positions.length);
    positions.forEach((position, partition) => void put(position - (base?.positions[partition] ?? 0)));
    put(imports - (base?.imports ?? 0));
  };
  put(shown === null ? 0 : shown + 1);
  if (from !== null) putCut(from, null);
  if (walk === null) return Buffer.from(bytes);
  putCut(walk.to, from);
  put(walk.place.nextSequence ?? 0);
  return Buffer.concat([Buffer.from(bytes), Buffer.from(walk.place.chatId.replaceAll('-', ''), 'hex')]);
}

/** `bytes` are authentic: the caller has checked them. Null if they have the format of another release. */
export function decodeSyncProgress(bytes: Uint8Array): SyncProgress | null {
  if (bytes[0] !== FORM) return null;
  const flags = bytes[1] ?? 0;
  let at = 2;
  const take = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const takeCut = (base: Cut | null): Cut => ({
    positions: Array.from({ length: take() }, (_, partition) => take() + (base?.positions[partition] ?? 0)),
    imports: take() + (base?.imports ?? 0),
  });
  const given = take();
  const shown = given === 0 ? null : given - 1;
  const from = flags & HAS_FROM ? takeCut(null) : null;
  if (!(flags & HAS_WALK)) return { from, shown, walk: null };
  const to = takeCut(from);
  const nextSequence = take() || null;
  const place: Place = { chatId: uuid(bytes.subarray(at)), nextSequence };
  return { from, shown, walk: { to, place } };
}

function uuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

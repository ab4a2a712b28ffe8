import { BODY_MAX_DEPTH } from '../../../contract/messages/commands.js';
import { isDeeperThan } from '../../../contract/messages/json-text.js';
import { type ClientFrame, clientFrame } from '../../../contract/realtime/client-frames.js';

/** `data` of a command is nested in the frame. */
const DEPTH_MAX = BODY_MAX_DEPTH + 1;

/** The frame, or why it is none, without quoting it. */
export function readFrame(text: string): { frame: ClientFrame } | { fault: string } {
  if (isDeeperThan(DEPTH_MAX, text)) return { fault: 'nested too deeply' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'not JSON' };
  }
  const t = typeof value === 'object' && value !== null ? (value as { t?: unknown }).t : undefined;
  if (typeof t !== 'string' || !Object.hasOwn(clientFrame, t)) return { fault: 'unknown frame' };
  const parsed = clientFrame[t as keyof typeof clientFrame].safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  const path = parsed.error.issues[0]?.path.join('.').slice(0, 64) ?? '';
  return { fault: `not a valid ${t} frame${path === '' ? '' : `: ${path}`}` };
}

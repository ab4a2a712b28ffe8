/** Failures that are invisible in responses: a stalled event loop, a changed Object.prototype, an uncaught error. */
import { Finding } from './doors/door.js';

export const STALL_MS = 200;
/** A stall counts if it repeats this often with each input alone, because the machine is shared. */
const STALL_TRIES = 3;
const TICK_MS = 10;
const US_PER_MS = 1000;

const WATCHED: readonly object[] = [
  ...[Object, Array, Function, String, Number, Promise, Map, Error, Buffer].flatMap((made) => [made, made.prototype]),
];

function shapes(): string {
  return WATCHED.map((object) => Reflect.ownKeys(object).length).join(',');
}

export class Watch {
  private readonly shape = shapes();
  private readonly uncaught: unknown[] = [];
  private readonly note = (error: unknown) => void this.uncaught.push(error);

  constructor() {
    process.on('unhandledRejection', this.note);
    process.on('uncaughtException', this.note);
  }

  end(): void {
    process.off('unhandledRejection', this.note);
    process.off('uncaughtException', this.note);
  }

  /** Throws a `Finding` if anything has changed. */
  check(): void {
    if (shapes() !== this.shape) throw new Finding('a built-in object has other properties than before');
    if (Object.keys({}).length > 0 || ({} as { polluted?: unknown }).polluted !== undefined)
      throw new Finding('every object has a property of a stranger');
    const [error] = this.uncaught.splice(0);
    if (error !== undefined)
      throw new Finding(`nobody caught: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

/** The longest stall of the event loop in wall time, and the processor time of all inputs. */
async function measured(take: () => Promise<unknown>): Promise<{ stoodMs: number; cpuMs: number }> {
  let stoodMs = 0;
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    stoodMs = Math.max(stoodMs, now - last);
    last = now;
  };
  const ticking = setInterval(tick, TICK_MS);
  const before = process.cpuUsage();
  try {
    await take();
  } finally {
    clearInterval(ticking);
  }
  tick();
  const { user, system } = process.cpuUsage(before);
  return { stoodMs, cpuMs: (user + system) / US_PER_MS };
}

/** Runs the inputs. After a stall each is repeated alone, and one that stalls every time is a finding. */
export async function watchingStalls<I, O>(
  inputs: readonly I[],
  take: (inputs: readonly I[]) => Promise<O>,
): Promise<O> {
  let outcome: O | undefined;
  const together = await measured(async () => {
    outcome = await take(inputs);
  });
  if (together.stoodMs > STALL_MS && together.cpuMs > STALL_MS)
    for (const input of inputs) {
      let times = 0;
      for (; times < STALL_TRIES; times += 1) {
        const { stoodMs, cpuMs } = await measured(() => take([input]));
        if (stoodMs <= STALL_MS || cpuMs <= STALL_MS) break;
      }
      if (times === STALL_TRIES) throw new Finding(`held up the event loop for more than ${STALL_MS} ms, every time`);
    }
  return outcome as O;
}

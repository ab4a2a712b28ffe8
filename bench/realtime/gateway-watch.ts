import type { TestProcess } from '../../test/support/fleet/processes.js';

const INTERVAL_MS = 250;
const ANSWER_WITHIN_MS = 2_000;

/** Reads from the metrics of gateways how many reads of sync pages wait. */
export class GatewayWatch {
  readonly samples: { at: number; waiting: number }[] = [];
  private isRunning = true;
  private readonly running: Promise<void>;

  constructor(private readonly gateways: () => readonly TestProcess[]) {
    this.running = this.watch();
  }

  /** Returns the highest number. */
  async stop(): Promise<number> {
    this.isRunning = false;
    await this.running;
    return Math.max(0, ...this.samples.map(({ waiting }) => waiting));
  }

  private async watch(): Promise<void> {
    while (this.isRunning) {
      const all = await Promise.all(this.gateways().map((gateway) => waitingOf(gateway)));
      this.samples.push({ at: performance.now(), waiting: all.reduce((sum, one) => sum + one, 0) });
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }
}

/** 0 if it does not answer: it starts, or it ends. */
async function waitingOf({ opsUrl }: TestProcess): Promise<number> {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const text = await fetch(`${opsUrl}/metrics`, { signal }).then(
    (response) => response.text(),
    () => '',
  );
  return Number(/^parley_gateway_walks_waiting(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
}

export interface HealthState {
  readonly ok: boolean;
  /** Why not, or what else is worth knowing; shown to whoever asks, so no secrets. */
  readonly detail?: string;
}

export interface HealthReport {
  /** Whether every dependency is. */
  readonly ok: boolean;
  readonly dependencies: Readonly<Record<string, HealthState>>;
}

/** Whether this process can do its job, told by those who know: each looks at what it noted last and answers at once. */
export class HealthRegistry {
  readonly #checks = new Map<string, () => HealthState>();

  /** @throws Error for a name that is taken: two checks of one name would hide each other. */
  add(name: string, check: () => HealthState): void {
    if (this.#checks.has(name)) throw new Error(`there is a health check ${name} already`);
    this.#checks.set(name, check);
  }

  report(): HealthReport {
    const dependencies: Record<string, HealthState> = {};
    for (const [name, check] of this.#checks) {
      try {
        dependencies[name] = check();
      } catch (error) {
        dependencies[name] = { ok: false, detail: error instanceof Error ? error.message : String(error) };
      }
    }
    return { ok: Object.values(dependencies).every(({ ok }) => ok), dependencies };
  }
}

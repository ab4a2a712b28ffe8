export interface HealthState {
  readonly ok: boolean;
  /** The reason, or other useful information. It is public, so it must not contain secrets. */
  readonly detail?: string;
}

export interface HealthReport {
  /** Whether every dependency is ok. */
  readonly ok: boolean;
  readonly dependencies: Readonly<Record<string, HealthState>>;
}

/** The health of this process. Each check returns its last known state at once. */
export class HealthRegistry {
  readonly #checks = new Map<string, () => HealthState>();

  /** @throws Error for a name in use: two checks with the same name would hide each other */
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

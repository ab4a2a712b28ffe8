import { CaslDecisionPoint } from '../../adapters/policy/casl-decision-point.js';
import { MemoryQuotas } from '../../adapters/quotas/memory-quotas.js';
import { CurrentPolicy } from '../../application/policy/current-policy.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { type PolicyFile, readPolicyFile } from '../cli/policy/policy-file.js';
import type { ProcessBasics } from '../observability.js';
import type { Settings } from '../settings.js';
import { retryUntilAvailable } from './retry-until-available.js';
import type { Store } from './store.js';

/**
 * The policy that this process goes by. SIGHUP reads its file again: a batch that is being decided is decided by the
 * one it began with, and a
 * new one with a fault in it is refused, with the fault in the log, while the old one stays.
 */
export class PolicyService implements Service {
  readonly name = 'policy';
  readonly current: CurrentPolicy;
  readonly quotas: MemoryQuotas;
  private file: PolicyFile;
  /** One after the other: the file that was read last is the one that stays. */
  private reloading: Promise<void> = Promise.resolve();
  private readonly life = new AbortController();
  private readonly onHangUp = () => {
    this.reloading = this.reloading.then(() => this.reload());
  };

  /**
   * Throws a `StartupError` that says where the file is wrong. `isInUse` is told of each policy before it decides
   * anything.
   */
  constructor(
    private readonly settings: Pick<Settings, 'policyFile'>,
    private readonly logger: ProcessBasics['logger'],
    private readonly isInUse: (file: PolicyFile) => Promise<void>,
  ) {
    this.file = readPolicyFile(settings.policyFile);
    this.current = new CurrentPolicy(new CaslDecisionPoint(this.file.document));
    this.quotas = new MemoryQuotas(this.file.document.quotas);
  }

  async start(): Promise<void> {
    // On a terminal it means that the terminal is gone. Heard from now on, and until the process ends: unheard it would
    // end it.
    if (!process.stdin.isTTY) process.on('SIGHUP', this.onHangUp);
    const { logger } = this;
    await retryUntilAvailable(() => this.isInUse(this.file), { logger, signal: this.life.signal });
    logger.info('policy', { version: this.current.version });
  }

  interrupt(): void {
    this.life.abort(new Error('told to stop'));
  }

  async stop(): Promise<void> {
    await this.reloading;
  }

  private async reload(): Promise<void> {
    try {
      const next = readPolicyFile(this.settings.policyFile);
      await this.isInUse(next);
      this.file = next;
      this.current.replace(new CaslDecisionPoint(next.document));
      this.quotas.replace(next.document.quotas);
      this.logger.info('policy replaced', { version: this.current.version });
    } catch (error) {
      const { version } = this.current;
      if (error instanceof StartupError)
        for (const fault of error.lines) this.logger.error('the new policy is refused', { fault, keeps: version });
      else this.logger.error('the new policy could not be taken', { error, keeps: version });
    }
  }
}

/** What it puts in force is kept in the store first, so that whatever it decides can be explained later. */
export function policyService(
  settings: Settings,
  basics: ProcessBasics,
  store: Pick<Store, 'decisions'>,
): PolicyService {
  return new PolicyService(settings, basics.logger, ({ document, source }) =>
    store.decisions.savePolicy(document.version, source),
  );
}

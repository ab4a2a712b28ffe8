import { CaslDecisionPoint } from '../../adapters/policy/casl-decision-point.js';
import { MemoryQuotas } from '../../adapters/quotas/memory-quotas.js';
import { CurrentPolicy } from '../../application/policy/current-policy.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../observability.js';
import type { SharedSettings } from '../settings/shared-settings.js';
import { retryUntilAvailable } from '../stores/retry-until-available.js';
import type { Store } from '../stores/store.js';
import { type PolicyFile, readPolicyFile } from './policy-file.js';

/**
 * The policy of this process. SIGHUP reads its file again. A batch in progress keeps the policy that it began with. If
 * the new file has a fault, the fault is logged and the earlier policy stays in effect.
 */
export class PolicyService implements Service {
  readonly name = 'policy';
  readonly current: CurrentPolicy;
  readonly quotas: MemoryQuotas;
  private file: PolicyFile;
  /** Reloads run one after the other, so that the file that was read last stays in effect. */
  private reloading: Promise<void> = Promise.resolve();
  private readonly life = new AbortController();
  private readonly onHangUp = () => {
    this.reloading = this.reloading.then(() => this.reload());
  };

  /**
   * `beforeUse` is called with each policy before it decides anything.
   * @throws StartupError with the faults of the file
   */
  constructor(
    private readonly settings: Pick<SharedSettings, 'policyFile'>,
    private readonly logger: ProcessBasics['logger'],
    private readonly beforeUse: (file: PolicyFile) => Promise<void>,
  ) {
    this.file = readPolicyFile(settings.policyFile);
    this.current = new CurrentPolicy(new CaslDecisionPoint(this.file.document));
    this.quotas = new MemoryQuotas(this.file.document.quotas);
  }

  async start(): Promise<void> {
    // On a terminal, SIGHUP means that the terminal was closed. The listener stays until the process ends: without one,
    // SIGHUP would end the process.
    if (!process.stdin.isTTY) process.on('SIGHUP', this.onHangUp);
    const { logger } = this;
    await retryUntilAvailable(() => this.beforeUse(this.file), { logger, signal: this.life.signal });
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
      await this.beforeUse(next);
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

/** Saves each policy in the store before it is used, so that its decisions can be explained later. */
export function policyService(
  settings: Pick<SharedSettings, 'policyFile'>,
  basics: ProcessBasics,
  store: Pick<Store, 'decisions'>,
): PolicyService {
  return new PolicyService(settings, basics.logger, ({ document, source }) =>
    store.decisions.savePolicy(document.version, source),
  );
}

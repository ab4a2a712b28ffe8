import type { Action, Decision, PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';

/**
 * The current policy. It can be replaced between two decisions but never within one, and a batch is decided in one turn
 * of the event loop.
 */
export class CurrentPolicy implements PolicyDecisionPoint {
  constructor(private policy: PolicyDecisionPoint) {}

  replace(policy: PolicyDecisionPoint): void {
    this.policy = policy;
  }

  get version(): string {
    return this.policy.version;
  }

  get claims(): readonly string[] {
    return this.policy.claims;
  }

  get tokenClaims(): readonly string[] {
    return this.policy.tokenClaims;
  }

  decide(attributes: PolicyAttributes): Decision {
    return this.policy.decide(attributes);
  }

  permitsOutsiders(action: Action): boolean {
    return this.policy.permitsOutsiders(action);
  }

  asksFor(action: Action, attribute: string): boolean {
    return this.policy.asksFor(action, attribute);
  }
}

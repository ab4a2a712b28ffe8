import type { Action, Decision, PolicyDecisionPoint, PolicyFacts } from './facts.js';

/** The policy as of now: it can be replaced between two decisions, never within one, and a batch is decided in one turn. */
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

  decide(facts: PolicyFacts): Decision {
    return this.policy.decide(facts);
  }

  permitsOutsiders(action: Action): boolean {
    return this.policy.permitsOutsiders(action);
  }

  asksFor(action: Action, fact: string): boolean {
    return this.policy.asksFor(action, fact);
  }
}

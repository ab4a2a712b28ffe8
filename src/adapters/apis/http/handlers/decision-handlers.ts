import type { DecisionViewing } from '../../../../application/policy/decisions/view-decision.js';
import type { Handlers } from '../middleware/request-context.js';
import { representDecision } from '../representations.js';
import { notFound, ok } from '../response.js';

export function decisionHandlers(viewing: DecisionViewing): Handlers<'getDecision'> {
  return {
    async getDecision({ caller, path }) {
      const viewed = await viewing.view(caller, path.decisionId);
      return viewed === null ? notFound() : ok(representDecision(viewed));
    },
  };
}

import type { PolicyAttributes } from '../../ports/policy-decision-point.js';

/** For a request that is no command of a chat. It adds what it has. */
export const NO_ATTRIBUTES: Omit<PolicyAttributes, 'action' | 'actor'> = {
  producer: null,
  chat: null,
  role: null,
  target: null,
  grantedRole: null,
  message: null,
  text: null,
  deleteMode: null,
  profile: null,
  user: null,
  decision: null,
};

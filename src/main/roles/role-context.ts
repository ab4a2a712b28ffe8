import type { CurrentPolicy } from '../../application/policy/current-policy.js';
import type { Quotas } from '../../application/ports/quotas.js';
import type { ProcessBasics } from '../observability.js';
import type { Settings } from '../settings.js';
import type { Store } from './store.js';
import type { Transport } from './transport.js';

/** What every role of a process is composed of. A role is a service: started in order, stopped in reverse. */
export interface RoleContext extends ProcessBasics {
  settings: Settings;
  store: Store;
  transport: Transport;
  policy: CurrentPolicy;
  quotas: Quotas;
}

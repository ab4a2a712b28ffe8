/** How a role is declared. A role is one file, and one line in `registry.ts`. */
import type { DemoUsers } from '../../adapters/apis/http/chat-page/chat-page.js';
import type { PrepareTryOut } from '../../adapters/apis/http/docs/try-out.js';
import type { CurrentPolicy } from '../../application/policy/current-policy.js';
import type { Quotas } from '../../application/ports/quotas.js';
import type { Failpoints } from '../../application/runtime/failpoints.js';
import type { Values, Variables } from '../../infrastructure/config/config.js';
import type { HealthState } from '../../infrastructure/process/health.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import type { ProcessBasics } from '../observability.js';
import type { SharedSettings } from '../settings/shared-settings.js';
import type { Store } from '../stores/store.js';
import type { Transport } from '../transports/transport.js';
import type { HttpPort } from './http-port.js';
import type { Need } from './needs.js';

/** What the roles of a process have in common. Their services start after the store, the policy and the transport. */
export interface RoleContext<S extends SharedSettings = SharedSettings> extends ProcessBasics {
  settings: S;
  store: Store;
  transport: Transport;
  policy: CurrentPolicy;
  quotas: Quotas;
  /** Identifies this process in the store, in dead letters and in log lines. */
  workerId: string;
  /** The address to listen on. */
  host: string;
  /** For tests that stop a worker at a named point. */
  failpoints?: Failpoints | undefined;
  /** The REST port, which the roles of the process share. It is started after them. */
  http: HttpPort;
  /** The data with which `/docs` can be tried out. `dev` provides it. */
  tryOut?: PrepareTryOut | undefined;
  /** Whether the chat page is served if its setting is not set. */
  hasChatPage?: boolean;
  /** Users that the chat page offers without a sign-in. `dev` provides them. */
  demoUsers?: DemoUsers | undefined;
}

export interface RoleParts {
  /** Started in this order, stopped in reverse. */
  services: readonly Service[];
  /** The check in `/readyz`. */
  health: { name: string; check(): HealthState };
}

export interface Role<N extends string, V extends Variables> {
  /** The command: `parley <name>`. */
  readonly name: N;
  /** For `parley --help`. */
  readonly summary: string;
  /** The variables that only this role reads. */
  readonly variables: V;
  /** The variables that it cannot do without. */
  readonly needs: readonly Need<SharedSettings & Values<V>>[];
  /** False: the role works without a transport, and must not read `context.transport`. If absent: true. */
  readonly usesTransport?: boolean;
  /** Whether `dev` runs the role. If absent: always. */
  isInDev?(settings: SharedSettings & Values<V>): boolean;
  /** How much larger than the live objects the heap may become, in percent. If absent: the default of V8. */
  readonly heapGrowthPercent?: number;
  /**
   * Imports the modules of the role and connects them. A role file is loaded by every command, so only this function
   * imports what the role alone needs.
   */
  compose(context: RoleContext<SharedSettings & Values<V>>): Promise<RoleParts>;
}

export function defineRole<const N extends string, const V extends Variables>(role: Role<N, V>): Role<N, V> {
  return role;
}

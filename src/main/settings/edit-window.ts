/** `EDIT_WINDOW`: how long after it was sent a message may be edited, for all tenants or for each. */
import { TENANT_ID_PATTERN } from '../../contract/messages/identifiers.js';
import { duration } from '../../infrastructure/config/config-values.js';

const EVERYBODY_ELSE = '*';
const EXPECTED = 'must be a duration such as 24h, or none, or both by tenant: acme=15m,other=none,*=24h';

/** In milliseconds; null: for ever. */
export type EditWindowOf = (tenantId: string) => number | null;

/**
 * `24h` for everybody, or `acme=15m,other=none,*=24h`. Tenants that are not named, where there is no `*`, have no
 * limit.
 */
export function editWindow(value: string): EditWindowOf {
  const windows = new Map<string, number | null>();
  for (const part of value.includes('=') ? value.split(',') : [`${EVERYBODY_ELSE}=${value}`]) {
    const [tenant = '', window = '', ...more] = part.split('=').map((word) => word.trim());
    if ((tenant !== EVERYBODY_ELSE && !TENANT_ID_PATTERN.test(tenant)) || more.length > 0) throw new Error(EXPECTED);
    if (windows.has(tenant)) throw new Error(`must name each tenant once, and ${tenant} is named twice`);
    windows.set(tenant, window === 'none' ? null : milliseconds(window));
  }
  const otherwise = windows.get(EVERYBODY_ELSE) ?? null;
  return (tenantId) => {
    const window = windows.get(tenantId);
    return window === undefined ? otherwise : window;
  };
}

function milliseconds(window: string): number {
  try {
    return duration()(window);
  } catch (error) {
    throw new Error(EXPECTED, { cause: error });
  }
}

/** Which addresses a server-side request may reach, so that a given URL cannot reach what is inside (SSRF). */
import { BlockList, isIP } from 'node:net';

/** Special-purpose ranges (IANA registries of RFC 6890), and multicast. */
const SPECIAL_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
/** Only global unicast is public, without protocol assignments, tunnels and documentation. */
const GLOBAL_V6 = '2000::/3';
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];

const MAPPED = /^::ffff:(?:0:)?(\d{1,3}(?:\.\d{1,3}){3})$/i;
const MAPPED_HEX = /^::ffff:(?:0:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i;

/** Throws an Error that completes "<value> …" if it is not a network such as `10.0.0.0/8` or `fd00::/8`. */
export function parseNetwork(network: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } {
  const [address = '', length, ...more] = network.split('/');
  const version = isIP(address);
  const max = version === 4 ? 32 : 128;
  const prefix = length === undefined ? max : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (version === 0 || more.length > 0 || !(prefix <= max))
    throw new Error('must be networks such as 10.0.0.0/8,fd00::/8');
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const { address, prefix, family } = parseNetwork(network);
    list.addSubnet(address, prefix, family);
  }
  return list;
}

const specialV4 = listOf(SPECIAL_V4);
const globalV6 = listOf([GLOBAL_V6]);
const specialV6 = listOf(SPECIAL_V6);

/** An IPv4 address that is written as an IPv6 address reaches the IPv4 address. */
function unmapped(address: string): string {
  const dotted = MAPPED.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const [, high, low] = MAPPED_HEX.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}

export type AddressKind = 'public' | 'permitted' | 'refused';

export class AddressRules {
  private readonly permitted: BlockList;

  /** `networks`: private ones that may be reached nevertheless. */
  constructor(networks: readonly string[]) {
    this.permitted = listOf(networks);
  }

  kindOf(given: string): AddressKind {
    // A zone such as `%eth0` selects an interface.
    if (given.includes('%')) return 'refused';
    const address = unmapped(given);
    const version = isIP(address);
    if (version === 0) return 'refused';
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (this.permitted.check(address, family)) return 'permitted';
    const isPublic =
      family === 'ipv4'
        ? !specialV4.check(address, family)
        : globalV6.check(address, family) && !specialV6.check(address, family);
    return isPublic ? 'public' : 'refused';
  }
}

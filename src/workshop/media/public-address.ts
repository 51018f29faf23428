/**
 * Which addresses are out in the world. A recipe of a peer names hosts, and must not make this machine speak to itself or
 * to its own network: to a router's page, or a service that trusts whoever reaches it.
 */
import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RefusedError } from '../../errors.ts';

/** Loopback, private, link-local, shared, documentation, multicast and unspecified (RFC 6890). */
const NOT_PUBLIC: readonly (readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 96, 'ipv6'],
  // What holds an IPv4 address that a translator or a tunnel of the network would go on to.
  ['::ffff:0:0:0', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const list = new BlockList();
  for (const [network, prefix, kind] of NOT_PUBLIC) list.addSubnet(network, prefix, kind);
  // An IPv4 address in IPv6's clothes (::ffff:10.0.0.1) is matched by the IPv4 rules too.
  return !list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether a host, as an URL has it, is an address that is not out in the world. A name is none. */
export function isPrivateHost(hostname: string): boolean {
  const address = addressIn(hostname);
  return isIP(address) !== 0 && !isPublicAddress(address);
}

/** For a host that is an address already, which is never looked up. Throws `media/private-address`. */
export function refusePrivateHost(hostname: string): void {
  if (isPrivateHost(hostname)) throw refusal(hostname, addressIn(hostname));
}

function addressIn(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** A name is judged by what it leads to at the moment of connecting, so that it cannot lead elsewhere afterwards. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    const inner = addresses?.find(({ address }) => !isPublicAddress(address));
    const first = addresses?.[0];
    if (error) callback(error, []);
    else if (inner) callback(refusal(hostname, inner.address), []);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family);
  });
};

function refusal(hostname: string, address: string): RefusedError {
  return new RefusedError(
    'media/private-address',
    `The host ${hostname} is at ${address}, on this machine or its own network, where a peer's recipe may not reach.`,
    { hint: 'if you trust it: save the recipe as a file of yours, and build that', facts: { hostname, address } },
  );
}

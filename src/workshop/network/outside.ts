/**
 * The way out of this host, for the proxy alone. A name is resolved here, never by the guest, and the connection goes to the very
 * address that was looked at: a name that changes its address in between (rebinding) gains nothing.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, connect, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Outside {
  /** All addresses of a name. */
  resolve(host: string): Promise<readonly string[]>;
  connect(address: string, port: number): Duplex;
}

export const THE_INTERNET: Outside = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  connect: (address, port) => connect({ host: address, port }),
};

/** IANA's special-purpose registries: this host, networks around it, and what is no single host. */
const NOT_PUBLIC: readonly (readonly [net: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Of IPv6 only what is global unicast; of that, not what carries an IPv4 address or is for documentation. */
const NOT_PUBLIC_6: readonly (readonly [net: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

/** True for an address of one host on the public internet. */
export function isPublic(address: string): boolean {
  const blocked = new BlockList();
  if (isIPv6(address)) {
    const global = new BlockList();
    global.addSubnet('2000::', 3, 'ipv6');
    for (const [net, prefix] of NOT_PUBLIC_6) blocked.addSubnet(net, prefix, 'ipv6');
    return global.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
  }
  for (const [net, prefix] of NOT_PUBLIC) blocked.addSubnet(net, prefix, 'ipv4');
  return /^\d+\.\d+\.\d+\.\d+$/.test(address) && !blocked.check(address, 'ipv4');
}

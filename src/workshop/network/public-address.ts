/** Which addresses are out in the world, for whoever connects to what a recipe or a guest names. Pure. */
import { BlockList, isIP } from 'node:net';

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
/**
 * Of IPv6 only what is global unicast (so nothing mapped, and nothing of a translator); of that, not what a tunnel takes to an
 * IPv4 address, nor what is for documentation.
 */
const NOT_PUBLIC_6: readonly (readonly [net: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

/** True for an address of one host on the public internet; false for any other text. */
export function isPublicAddress(address: string): boolean {
  const blocked = new BlockList();
  switch (isIP(address)) {
    case 4:
      for (const [net, prefix] of NOT_PUBLIC) blocked.addSubnet(net, prefix, 'ipv4');
      return !blocked.check(address, 'ipv4');
    case 6: {
      const global = new BlockList();
      global.addSubnet('2000::', 3, 'ipv6');
      for (const [net, prefix] of NOT_PUBLIC_6) blocked.addSubnet(net, prefix, 'ipv6');
      return global.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
    }
    default:
      return false;
  }
}

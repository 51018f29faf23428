/** Whom a guest's proxy, and a stranger's recipe, may lead to. */
import assert from 'node:assert/strict';
import { isPublicAddress } from '../../../src/workshop/network/public-address.ts';

const PUBLIC = [
  '8.8.8.8 1.1.1.1 93.184.215.14 172.15.255.255 172.32.0.1 192.88.98.255 223.255.255.255',
  '2606:4700::1 2606:4700::1111 2001:4860:4860::8888 2001:200::1 2a00:1450:4001::1',
];
const NOT_PUBLIC = [
  // This host and its networks, IPv4 and IPv6.
  '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.1.1 169.254.169.254 172.16.0.1 172.31.0.1 172.31.255.255',
  '192.168.0.1 192.168.1.1 :: ::1 fc00::1 fd00::1 fe80::1 fec0::1',
  // No single host, and what is for documentation and tests.
  '224.0.0.1 255.255.255.255 ff02::1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1',
  // What holds an IPv4 address that a translator or a tunnel would go on to.
  '::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:0:127.0.0.1 64:ff9b::808:808 64:ff9b::7f00:1 64:ff9b:1::a00:1',
  '192.88.99.1 2002::1 2002:a00:1::1 2001:0:a00:1::1',
  // Not given out to anybody yet.
  '4000::1 8000::1',
  // No address.
  'x name 1.2.3 1.2.3.4.5 01.2.3.4 fe80::1%eth0',
];
const words = (lines: readonly string[]): string[] => lines.flatMap((line) => line.split(' '));

describe('an address out in the world', () => {
  it('threat 38: is told from all that are not', () => {
    assert.deepEqual(words(PUBLIC).filter(isPublicAddress), words(PUBLIC));
    assert.deepEqual(words(NOT_PUBLIC).filter(isPublicAddress), []);
  });
});

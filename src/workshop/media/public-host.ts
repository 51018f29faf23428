/**
 * Only hosts out in the world. A recipe of a peer names hosts, and must not make this machine speak to itself or to its own
 * network: to a router's page, or a service that trusts whoever reaches it.
 */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { RefusedError } from '../../errors.ts';
import { isPublicAddress } from '../network/public-address.ts';

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

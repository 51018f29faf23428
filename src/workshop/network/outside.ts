/**
 * The way out of this host, for the proxy alone. A name is resolved here, never by the guest, and the connection goes to the very
 * address that was looked at: a name that changes its address in between (rebinding) gains nothing.
 */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
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

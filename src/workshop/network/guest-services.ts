/** What a guest with a network finds there. */
import type { Duplex } from 'node:stream';
import { createFileServer } from './files.ts';
import { connectGuest } from './index.ts';
import { THE_INTERNET, type Outside } from './outside.ts';
import { createProxy } from './proxy.ts';
import { createRequestLog, type GuestRequest } from './requests.ts';

/** Where on `HOST` the proxy is. */
export const PROXY_PORT = 3128;

export interface GuestServices {
  /** From now on the guest finds this file at `http://10.0.2.2/NAME`. */
  serve(name: string, content: string): void;
  /** All that the guest has asked for since this machine was started or restored. */
  readonly requests: readonly GuestRequest[];
  onRequest(listener: (request: GuestRequest) => void): void;
  close(): void;
}

export interface GuestServicesOptions {
  /** Places that the guest's proxy leads to; without any there is no proxy. */
  readonly allow?: readonly string[];
  readonly outside?: Outside | undefined;
}

export function openGuestServices(
  cable: Duplex,
  { allow = [], outside = THE_INTERNET }: GuestServicesOptions = {},
): GuestServices {
  const log = createRequestLog();
  const files = createFileServer((request) => log.add(request));
  const proxy = allow.length === 0 ? undefined : createProxy({ allow, outside, told: (request) => log.add(request) });
  const network = connectGuest(cable, {
    ports: {
      80: (connection) => files.take(connection),
      ...(proxy && { [PROXY_PORT]: (connection: Duplex) => proxy.take(connection) }),
    },
    refused: (what, host) => log.add({ outcome: 'refused', host, what }),
  });
  return {
    serve: (name, content) => files.serve(name, content),
    requests: log.all,
    onRequest: (listener) => log.onRequest(listener),
    close() {
      files.close();
      proxy?.close();
      network.close();
    },
  };
}

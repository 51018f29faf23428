/** What a guest with a network finds there. */
import type { Duplex } from 'node:stream';
import { createFileServer } from './files.ts';
import { connectGuest } from './index.ts';
import { createRequestLog, type GuestRequest } from './requests.ts';

export interface GuestServices {
  /** From now on the guest finds this file at `http://10.0.2.2/NAME`. */
  serve(name: string, content: string): void;
  /** All that the guest has asked for since this machine was started or restored. */
  readonly requests: readonly GuestRequest[];
  onRequest(listener: (request: GuestRequest) => void): void;
  close(): void;
}

export function openGuestServices(cable: Duplex): GuestServices {
  const log = createRequestLog();
  const files = createFileServer((request) => log.add(request));
  const network = connectGuest(cable, {
    ports: { 80: (connection) => files.take(connection) },
    refused: (what) => log.add({ outcome: 'refused', what }),
  });
  return {
    serve: (name, content) => files.serve(name, content),
    requests: log.all,
    onRequest: (listener) => log.onRequest(listener),
    close() {
      files.close();
      network.close();
    },
  };
}

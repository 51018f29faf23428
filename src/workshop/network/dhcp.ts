/** The one address that there is to give away. RFC 2131 and 2132, as far as a guest alone on its cable needs them. Pure. */
import { LEASE_SECONDS } from './limits.ts';

export interface Lease {
  readonly guest: string;
  readonly host: string;
}

const MAGIC = 0x6382_5363;
const HEADER_BYTES = 240;
const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const ACKNOWLEDGE = 5;

/** What to answer; `undefined` where it is no question that has an answer. */
export function dhcpReply(request: Buffer, { guest, host }: Lease): Buffer | undefined {
  if (request.length < HEADER_BYTES || request[0] !== 1 || request.readUInt32BE(236) !== MAGIC) return undefined;
  const asked = messageType(request.subarray(HEADER_BYTES));
  if (asked !== DISCOVER && asked !== REQUEST) return undefined;
  const header = Buffer.alloc(HEADER_BYTES);
  header.set([2, 1, 6, 0]);
  request.copy(header, 4, 4, 8); // the transaction
  request.copy(header, 10, 10, 12); // the flags
  header.set(bytes(guest), 16);
  header.set(bytes(host), 20);
  request.copy(header, 28, 28, 44); // the hardware address
  header.writeUInt32BE(MAGIC, 236);
  const options = [
    option(53, [asked === DISCOVER ? OFFER : ACKNOWLEDGE]),
    option(54, bytes(host)),
    option(
      51,
      [24, 16, 8, 0].map((shift) => (LEASE_SECONDS >>> shift) & 255),
    ),
    option(1, [255, 255, 255, 0]),
    option(3, bytes(host)),
    option(6, bytes(host)),
    Buffer.from([255]),
  ];
  const reply = Buffer.concat([header, ...options]);
  // Some clients take nothing shorter: BOOTP's packets have 300 bytes.
  return reply.length < 300 ? Buffer.concat([reply, Buffer.alloc(300 - reply.length)]) : reply;
}

function messageType(options: Buffer): number | undefined {
  for (let at = 0; at + 1 < options.length;) {
    const code = options[at] ?? 0;
    if (code === 255) return undefined;
    if (code === 0) {
      at += 1;
      continue;
    }
    if (code === 53) return options[at + 2];
    at += 2 + (options[at + 1] ?? 0);
  }
  return undefined;
}

function option(code: number, value: readonly number[]): Buffer {
  return Buffer.from([code, value.length, ...value]);
}

function bytes(address: string): number[] {
  return address.split('.').map(Number);
}

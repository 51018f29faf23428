/**
 * Ethernet, ARP, IPv4, UDP and TCP as bytes, and back. Pure. What is cut short, has a wrong check sum where that counts, or
 * is none of these comes out as `undefined`: it is dropped as a card would drop it.
 *
 * RFC 826 (ARP), RFC 791 (IPv4), RFC 768 (UDP), RFC 9293 (TCP). Options of IPv4 are skipped, fragments are not put together.
 */

/** Dotted: `10.0.2.15`. */
export type Address = string;

export interface Segment {
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** Largest segment that the sender takes; in the first of a connection only. */
  readonly mss?: number;
  readonly payload: Buffer;
}

export interface Datagram {
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Buffer;
}

export type Packet =
  | { readonly kind: 'arp'; readonly asked: Address; readonly from: Address; readonly mac: Buffer }
  | { readonly kind: 'tcp'; readonly mac: Buffer; readonly segment: Segment }
  | { readonly kind: 'udp'; readonly mac: Buffer; readonly datagram: Datagram }
  | {
      readonly kind: 'echo';
      readonly mac: Buffer;
      readonly from: Address;
      readonly to: Address;
      readonly body: Buffer;
    };

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

const ETHERNET = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const ICMP = 1;
const TCP = 6;
const UDP = 17;

export function parsePacket(frame: Buffer): Packet | undefined {
  if (frame.length < ETHERNET) return undefined;
  const mac = Buffer.from(frame.subarray(6, 12));
  const body = frame.subarray(ETHERNET);
  const type = frame.readUInt16BE(12);
  if (type === TYPE_ARP) return parseArp(body, mac);
  return type === TYPE_IPV4 ? parseIp(body, mac) : undefined;
}

function parseArp(body: Buffer, mac: Buffer): Packet | undefined {
  const isRequest = body.length >= 28 && body.readUInt32BE(0) === 0x0001_0800 && body.readUInt16BE(6) === 1;
  return isRequest ? { kind: 'arp', mac, from: addressAt(body, 14), asked: addressAt(body, 24) } : undefined;
}

function parseIp(body: Buffer, mac: Buffer): Packet | undefined {
  if (body.length < 20 || (body[0] ?? 0) >> 4 !== 4) return undefined;
  const header = ((body[0] ?? 0) & 15) * 4;
  const total = body.readUInt16BE(2);
  const isFragment = (body.readUInt16BE(6) & 0x3fff) !== 0;
  if (header < 20 || total < header || total > body.length || isFragment) return undefined;
  if (checksum(body.subarray(0, header)) !== 0) return undefined;
  const [from, to] = [addressAt(body, 12), addressAt(body, 16)];
  const data = body.subarray(header, total);
  switch (body[9]) {
    case TCP:
      return parseTcp(data, from, to, mac);
    case UDP:
      return parseUdp(data, from, to, mac);
    case ICMP:
      return data.length >= 8 && data[0] === 8 ? { kind: 'echo', mac, from, to, body: Buffer.from(data) } : undefined;
    default:
      return undefined;
  }
}

function parseUdp(data: Buffer, from: Address, to: Address, mac: Buffer): Packet | undefined {
  if (data.length < 8) return undefined;
  const length = data.readUInt16BE(4);
  if (length < 8 || length > data.length) return undefined;
  const ports = { fromPort: data.readUInt16BE(0), toPort: data.readUInt16BE(2) };
  return { kind: 'udp', mac, datagram: { from, to, ...ports, payload: Buffer.from(data.subarray(8, length)) } };
}

function parseTcp(data: Buffer, from: Address, to: Address, mac: Buffer): Packet | undefined {
  if (data.length < 20) return undefined;
  const header = ((data[12] ?? 0) >> 4) * 4;
  if (header < 20 || header > data.length || pseudoChecksum(from, to, TCP, data) !== 0) return undefined;
  const mss = mssIn(data.subarray(20, header));
  const segment: Segment = {
    from,
    to,
    fromPort: data.readUInt16BE(0),
    toPort: data.readUInt16BE(2),
    seq: data.readUInt32BE(4),
    ack: data.readUInt32BE(8),
    flags: data[13] ?? 0,
    window: data.readUInt16BE(14),
    ...(mss !== undefined && { mss }),
    payload: Buffer.from(data.subarray(header)),
  };
  return { kind: 'tcp', mac, segment };
}

function mssIn(options: Buffer): number | undefined {
  for (let at = 0; at < options.length;) {
    const kind = options[at] ?? 0;
    if (kind === 0) return undefined;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return undefined;
    if (kind === 2 && length === 4) return options.readUInt16BE(at + 2);
    at += length;
  }
  return undefined;
}

export function arpReply(ours: Buffer, our: Address, mac: Buffer, their: Address): Buffer {
  const body = Buffer.alloc(28);
  body.writeUInt32BE(0x0001_0800, 0);
  body.writeUInt32BE(0x0604_0002, 4);
  ours.copy(body, 8);
  putAddress(body, 14, our);
  mac.copy(body, 18);
  putAddress(body, 24, their);
  return ethernet(ours, mac, TYPE_ARP, body);
}

export function echoReply(ours: Buffer, mac: Buffer, from: Address, to: Address, request: Buffer): Buffer {
  const body = Buffer.from(request);
  body[0] = 0;
  body.writeUInt16BE(0, 2);
  body.writeUInt16BE(checksum(body), 2);
  return ethernet(ours, mac, TYPE_IPV4, ip(from, to, ICMP, body));
}

export function udpFrame(ours: Buffer, mac: Buffer, datagram: Datagram): Buffer {
  const { from, to, fromPort, toPort, payload } = datagram;
  const body = Buffer.alloc(8 + payload.length);
  body.writeUInt16BE(fromPort, 0);
  body.writeUInt16BE(toPort, 2);
  body.writeUInt16BE(body.length, 4);
  payload.copy(body, 8);
  // 0 would mean that there is none.
  body.writeUInt16BE(pseudoChecksum(from, to, UDP, body) || 0xffff, 6);
  return ethernet(ours, mac, TYPE_IPV4, ip(from, to, UDP, body));
}

export function tcpFrame(ours: Buffer, mac: Buffer, segment: Segment): Buffer {
  const { from, to, mss, payload } = segment;
  const header = mss === undefined ? 20 : 24;
  const body = Buffer.alloc(header + payload.length);
  body.writeUInt16BE(segment.fromPort, 0);
  body.writeUInt16BE(segment.toPort, 2);
  body.writeUInt32BE(segment.seq, 4);
  body.writeUInt32BE(segment.ack, 8);
  body[12] = (header / 4) << 4;
  body[13] = segment.flags;
  body.writeUInt16BE(segment.window, 14);
  if (mss !== undefined) body.writeUInt32BE(0x0204_0000 + mss, 20);
  payload.copy(body, header);
  body.writeUInt16BE(pseudoChecksum(from, to, TCP, body), 16);
  return ethernet(ours, mac, TYPE_IPV4, ip(from, to, TCP, body));
}

function ethernet(from: Buffer, to: Buffer, type: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(Math.max(60, ETHERNET + body.length));
  to.copy(frame, 0);
  from.copy(frame, 6);
  frame.writeUInt16BE(type, 12);
  body.copy(frame, ETHERNET);
  return frame;
}

function ip(from: Address, to: Address, protocol: number, body: Buffer): Buffer {
  const packet = Buffer.alloc(20 + body.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(0x4000, 6); // never to be cut into fragments
  packet[8] = 64;
  packet[9] = protocol;
  putAddress(packet, 12, from);
  putAddress(packet, 16, to);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  body.copy(packet, 20);
  return packet;
}

/** RFC 1071. Over bytes that hold their own check sum it is 0. */
function checksum(bytes: Buffer, start = 0): number {
  let sum = start;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += (bytes.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function pseudoChecksum(from: Address, to: Address, protocol: number, body: Buffer): number {
  const pseudo = Buffer.alloc(12);
  putAddress(pseudo, 0, from);
  putAddress(pseudo, 4, to);
  pseudo[9] = protocol;
  pseudo.writeUInt16BE(body.length, 10);
  return checksum(body, ~checksum(pseudo) & 0xffff);
}

function addressAt(bytes: Buffer, at: number): Address {
  return [...bytes.subarray(at, at + 4)].join('.');
}

function putAddress(bytes: Buffer, at: number, address: Address): void {
  bytes.set(address.split('.').map(Number), at);
}

/**
 * The network of a guest: a cable whose other end is this process. There is one other machine on it, `HOST`, and that is a
 * function of ours: it gives the guest its address, answers pings, and opens TCP connections on the ports that it was given
 * doors for.
 *
 * Promises: nothing that the guest sends reaches a socket of the host; what it asks of others is refused at once and told;
 * what it may send, open and leave lying is bounded (limits.ts). Frames come from a hostile guest.
 * Never: opens, or listens on, a port of the host.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { plugIn } from './cable.ts';
import { Connection } from './connection.ts';
import { dhcpReply } from './dhcp.ts';
import { CONNECTIONS_MOST } from './limits.ts';
import { ACK, arpReply, echoReply, FIN, parsePacket, RST, SYN, tcpFrame, udpFrame } from './packet.ts';
import type { Datagram, Segment } from './packet.ts';

/** The addresses that QEMU's own user network has: what recipes and answer files have long been written for. */
export const GUEST = '10.0.2.15';
export const HOST = '10.0.2.2';

/** Of the machine at our end, and of the guest's card. Locally administered. */
const HOST_MAC = Buffer.from([0x52, 0x55, 10, 0, 2, 2]);
export const GUEST_MAC = '52:54:00:12:34:56';

export interface Doors {
  /** By port of `HOST`: called with each connection that the guest opens to it. */
  readonly ports: Readonly<Record<number, (connection: Duplex) => void>>;
  /** The guest has tried to reach something that is not there: `tcp 192.0.2.1:80`. */
  readonly refused: (what: string, host: string) => void;
  /** See `ConnectionOptions`. */
  readonly resendMs?: number;
}

export interface GuestNetwork {
  /** Ends all connections. */
  close(): void;
}

export function connectGuest(cable: Duplex, doors: Doors): GuestNetwork {
  const connections = new Map<string, Connection>();
  const { send } = plugIn(cable, take);

  function take(frame: Buffer): void {
    const packet = parsePacket(frame);
    if (packet === undefined) return;
    const { mac } = packet;
    switch (packet.kind) {
      case 'arp':
        if (packet.asked === HOST) send(arpReply(HOST_MAC, HOST, mac, packet.from));
        return;
      case 'echo':
        if (packet.to === HOST) send(echoReply(HOST_MAC, mac, HOST, packet.from, packet.body));
        else doors.refused(`ping ${packet.to}`, packet.to);
        return;
      case 'udp':
        return takeDatagram(packet.datagram, mac);
      case 'tcp':
        return takeSegment(packet.segment, mac);
    }
  }

  function takeDatagram({ from, to, fromPort, toPort, payload }: Datagram, mac: Buffer): void {
    if (toPort === 67) {
      const reply = dhcpReply(payload, { guest: GUEST, host: HOST });
      const answer = { from: HOST, to: '255.255.255.255', fromPort: 67, toPort: 68 };
      if (reply) send(udpFrame(HOST_MAC, mac, { ...answer, payload: reply }));
      return;
    }
    if (to === HOST && toPort === 53 && payload.length >= 12) {
      send(
        udpFrame(HOST_MAC, mac, { from: to, to: from, fromPort: toPort, toPort: fromPort, payload: noName(payload) }),
      );
      return;
    }
    // What is called out to everybody (names, discovery) is meant for nobody in particular.
    if (!to.endsWith('.255') && Number(to.split('.')[0]) < 224) doors.refused(`udp ${to}:${toPort}`, to);
  }

  function takeSegment(segment: Segment, mac: Buffer): void {
    const { from, to, fromPort, toPort } = segment;
    const key = `${from}:${fromPort} ${toPort}`;
    const known = to === HOST ? connections.get(key) : undefined;
    const reply = (fields: Pick<Segment, 'seq' | 'ack' | 'flags' | 'window' | 'payload' | 'mss'>): void =>
      send(tcpFrame(HOST_MAC, mac, { from: to, to: from, fromPort: toPort, toPort: fromPort, ...fields }));
    if (known) return known.receive(segment);
    if ((segment.flags & RST) !== 0) return;
    const opens = (segment.flags & (SYN | ACK)) === SYN;
    const door = to === HOST ? doors.ports[toPort] : undefined;
    if (!opens || door === undefined || connections.size >= CONNECTIONS_MOST) {
      if (opens) doors.refused(`tcp ${to}:${toPort}`, to);
      return reply(reset(segment));
    }
    const connection: Connection = new Connection({
      opening: segment,
      initial: randomBytes(4).readUInt32BE(),
      send: reply,
      opened: door,
      resendMs: doors.resendMs,
      gone: () => {
        if (connections.get(key) === connection) connections.delete(key);
      },
    });
    // Whoever uses the connection sees its end too; without anybody it is no reason for this process to end.
    connection.on('error', () => undefined);
    connections.set(key, connection);
  }

  return {
    close() {
      for (const connection of connections.values()) connection.destroy();
    },
  };
}

/** RFC 9293, 3.10.7.1: what is sent to a connection that there is not. */
function reset({ seq, ack, flags, payload }: Segment) {
  const answers = (flags & ACK) !== 0;
  const length = payload.length + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
  return {
    seq: answers ? ack : 0,
    ack: answers ? 0 : (seq + length) >>> 0,
    flags: answers ? RST : RST | ACK,
    window: 0,
    payload: Buffer.alloc(0),
  };
}

/** The same question, answered with "refused" (RFC 1035, 4.1.1): names are for whoever fetches, on this side. */
function noName(question: Buffer): Buffer {
  const reply = Buffer.from(question);
  reply[2] = 0x80 | ((question[2] ?? 0) & 0x79);
  reply[3] = 5;
  return reply;
}

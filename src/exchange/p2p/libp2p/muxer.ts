/**
 * yamux, without what ends the process. A new stream is told to the other side a microtask after it was made, and where the
 * connection has closed by then, nobody catches what that throws. A relay that dies takes all its circuits in one go, so
 * whatever tries the next one as soon as one has failed comes to that: a search in the DHT, a sync, identify.
 */
import { yamux, type YamuxMuxerInit } from '@libp2p/yamux';
import { asError } from '../../../errors.ts';

/** For `createLibp2p`. */
export function steadyYamux(init: YamuxMuxerInit): ReturnType<typeof yamux> {
  const make = yamux(init);
  return () => {
    const factory = make();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection);
      const create = muxer.onCreateStream.bind(muxer);
      muxer.onCreateStream = () => {
        const stream = create();
        const tell = stream.sendWindowUpdate.bind(stream);
        stream.sendWindowUpdate = () => {
          try {
            tell();
          } catch (error) {
            stream.abort(asError(error));
          }
        };
        return stream;
      };
      return muxer;
    };
    return factory;
  };
}

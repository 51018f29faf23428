/**
 * picture: files as pixels. Pure functions from bytes to bytes; no I/O. Promises that no file takes more memory or time
 * than its checked header says, and that whatever is wrong with one is named exactly.
 */
export { decodePicture } from './decode.ts';
export { decodePng, pngHeader, type PngHeader } from './png.ts';
export type * from './types.ts';
export { encodeGreyPng, encodePng } from './write-png.ts';

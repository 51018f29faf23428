/**
 * Screens: what does it say, and where? Text is read exactly from pixels with fonts that were learned from the guest
 * itself; a cell whose bitmap is in no font is reported as unknown, never guessed.
 */
export { parseBgf } from './bgf.ts';
export { createEyes } from './eyes.ts';
export { foldBlanks, foldText } from './fold.ts';
export { learnVgaFont } from './learn-vga.ts';
export { findText, isHighlightedText } from './match.ts';
export type { Spot } from './match.ts';
export { nearestLines } from './nearest.ts';
export type { NearLine } from './nearest.ts';
export type * from './types.ts';

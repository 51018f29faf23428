/**
 * Code page 437, the character set of a PC's text mode: what each of the 256 glyphs in an adapter's memory stands for.
 * The first 32 are the pictures that the hardware draws, not control characters (Unicode's MISC/IBMGRAPH.TXT).
 */
const SYMBOLS = ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const ASCII = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
const LETTERS = '⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»';
const BOXES = '░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀';
const MATHEMATICS = 'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ';

/** 256 characters, all in Unicode's first plane. */
export const CP437 = SYMBOLS + ASCII + LETTERS + BOXES + MATHEMATICS;

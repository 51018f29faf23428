/** Every limit of this folder, with its unit and its reason. */

/** Widest and highest picture that is decoded: 3840 x 2400 is 27 MB of pixels. Checked before a pixel is (threat 37). */
export const PICTURE_WIDTH_PIXELS = 3_840;
export const PICTURE_HEIGHT_PIXELS = 2_400;

/** A PNG or PPM file: the largest picture as a PPM, and a header. */
export const PICTURE_FILE_BYTES = PICTURE_WIDTH_PIXELS * PICTURE_HEIGHT_PIXELS * 3 + 4_096;

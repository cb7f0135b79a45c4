/** As in the root's package.json, which a test compares it with: reading a file for it would cost start-up time. */
export const version = "0.1.0";

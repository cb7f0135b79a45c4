/**
 * Bytes as printable ASCII without spaces: everything outside 0x21–0x7e, the backslash and the bytes of `also`
 * become `\xHH`. Reversible, so that equal text means equal bytes.
 */
export function escapeBytes(bytes: Uint8Array, also = ""): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x5c && !also.includes(character);
    text += plain ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}

/** As vis(3) with VIS_OCTAL would, and the characters that have a meaning in mtree(8): `\ooo`. */
export function escapeOctal(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && !'\\#*?["='.includes(String.fromCharCode(byte));
    text += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return text;
}

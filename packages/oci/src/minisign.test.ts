import test from "ava";
import { parsePublicKey, parseSignature, SignatureError, verifySignature } from "./minisign.ts";
import { openSecretKey, parseSecretKey, secretKeyId, signMessage } from "./minisign-secret.ts";

/** Keys and signatures that minisign 0.12 made (`-G -W`, `-S`, `-S -l`) of "a message\n". */
const message = Buffer.from("a message\n");
const publicKey = `untrusted comment: minisign public key BA21C93E0C00E7C4
RWTE5wAMPskhuhw1gbUJnmDQ+YpMl2POicsC+8F4IPty9GvQygtcD4Zw
`;
const otherKey = "RWTuoKq35BFGfaKieHLXUv3mM8u0tua3Zbm9cmaocFrD+eNqm7GhJ3tG";
const secretKey = `untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAxOcADD7JIbrmav1aHOm8ixyMkyAf+WwK9cu0dkW/B9m3W3r8KeLMiRw1gbUJnmDQ+YpMl2POicsC+8F4IPty9GvQygtcD4ZwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
`;
const hashed = `untrusted comment: unsigned
RUTE5wAMPskhurN0lLlv3eDGY4jDVckONBRLmaWAonmhuLcPDJilOzQbp9ZSYepE5vPKcYpbdp6l/ZTq18fKCADHlacyvHDZrgQ=
trusted comment: a comment
uLE6a9KRjl2xKIM8VWbLEGCv0U2+SPsVKj1P63eZEXNW/xnzEcE3njTP1L94AJK+oXtouYwBIgW70Ca8bldACQ==
`;
const plain = `untrusted comment: signature from minisign secret key
RWTE5wAMPskhuiWPsEbFDj+lBGKYbaOkhepKxsCWojf0yYBJJjlEOiAKPMlVCUA9iJUWIbr0lzYn9yFAfR3hWqL0AM0zRL7W6go=
trusted comment: a comment
AIlkNX+VmVLlObIiiSCVCrAUVP1PKXPG0Zn6GcHKZX5vGkSaeD8G+DagOC8xyh2r0xXwY+ChIUP3g95RhpNBDQ==
`;

const check = (signature: string, key = publicKey, bytes: Uint8Array = message): string =>
  verifySignature(parseSignature(signature, "file"), bytes, parsePublicKey(key, "key"), "image");

test("signatures of minisign are verified, hashed and not, with CRLF, by a key alone", (t) => {
  for (const text of [hashed, plain, hashed.replaceAll("\n", "\r\n"), hashed.trimEnd()]) t.is(check(text), "a comment");
  t.is(check(hashed, publicKey.split("\n")[1]), "a comment");
  t.is(parsePublicKey(publicKey, "key").id, "BA21C93E0C00E7C4");
});

test("another message, another key and a changed comment are untrusted", (t) => {
  const untrusted = (run: () => unknown, pattern: RegExp): void => {
    const error = t.throws(run, { instanceOf: SignatureError });
    t.is(error?.kind, "untrusted");
    t.regex(error?.message ?? "", pattern);
  };
  for (const text of [hashed, plain]) {
    untrusted(
      () => check(text, publicKey, Buffer.from("another")),
      /image: not a signature of this image by key BA21C93E0C00E7C4; its comment is "a comment"/,
    );
    untrusted(() => check(text, otherKey), /by key BA21C93E0C00E7C4, not by key 7D4611E4B7AAA0EE/);
    untrusted(() => check(text.replace("a comment", "a Comment")), /its trusted comment was changed/);
  }
  // The id of the right key does not help the wrong one.
  const bytes = Buffer.from(otherKey, "base64");
  Buffer.from("xOcADD7JIbo=", "base64").copy(bytes, 2);
  untrusted(() => check(hashed, bytes.toString("base64")), /not a signature of this image/);
  // A signature of the hash does not count as one of the bytes.
  untrusted(() => check(hashed.replace("RUTE", "RWTE")), /not a signature of this image/);
});

test("any other text is malformed or untrusted, never an exception of another kind", (t) => {
  for (const text of [hashed, plain]) {
    for (let at = 0; at < text.length; at++) {
      for (const changed of [
        text.slice(0, at),
        text.slice(0, at) + "\0" + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
      ]) {
        try {
          // Only the untrusted comment, and the last line break, may differ.
          t.is(check(changed), "a comment");
          t.true(at < text.indexOf("\n") || at === text.length - 1, JSON.stringify(changed));
        } catch (error) {
          if (!(error instanceof SignatureError)) throw error;
        }
      }
    }
  }
  for (const text of [
    "",
    "\n",
    "RWQ=",
    otherKey.slice(1),
    `${otherKey}\n${otherKey}`,
    otherKey.replace("RW", "RX"),
    hashed,
  ])
    t.is(t.throws(() => parsePublicKey(text, "key"), { instanceOf: SignatureError })?.kind, "malformed");
});

test("a secret key of minisign signs what its public key verifies", (t) => {
  const key = openSecretKey(parseSecretKey(secretKey, "key"), Buffer.alloc(0));
  t.is(secretKeyId(key), "BA21C93E0C00E7C4");
  t.is(check(signMessage(key, message, "another comment")), "another comment");
  // Ed25519 is deterministic: minisign's own signature.
  t.is(signMessage(key, message, "a comment").split("\n").slice(1).join("\n"), hashed.split("\n").slice(1).join("\n"));
});

test("a damaged secret key, and one that would take too much memory, is refused", (t) => {
  const bytes = Buffer.from(secretKey.split("\n")[1] ?? "", "base64");
  const withBytes = (at: number, ...values: number[]): string => {
    const changed = Buffer.from(bytes);
    Buffer.from(values).copy(changed, at);
    return `untrusted comment: x\n${changed.toString("base64")}\n`;
  };
  const refused = (text: string): void => {
    t.throws(() => openSecretKey(parseSecretKey(text, "key"), Buffer.alloc(0)), { instanceOf: SignatureError });
  };
  for (const text of ["", publicKey, hashed, secretKey.slice(0, -8), withBytes(0, 0), withBytes(2, 1)]) refused(text);
  refused(withBytes(62, 0));
  refused(withBytes(94, 0));
  const encrypted = (operations: number, memory: number): string => {
    const changed = Buffer.from(bytes);
    changed.write("Sc", 2, "latin1");
    changed.writeBigUInt64LE(BigInt(operations), 38);
    changed.writeBigUInt64LE(BigInt(memory), 46);
    return `untrusted comment: x\n${changed.toString("base64")}\n`;
  };
  for (const [operations, memory] of [
    [0, 0],
    [32_768, 1 << 20],
    [1 << 20, 0],
    [2 ** 53, 1 << 20],
    [1 << 20, 2 ** 53],
  ] as const)
    refused(encrypted(operations, memory));
});

// A client certificate that ends within seconds: no authority at hand signs one, so the end of a good one is moved and the
// result is signed again with the authority's key. Knows just enough DER for certificates with ECDSA keys.

import { KeyObject, sign, X509Certificate } from "node:crypto";

/** Length of the header of the DER value at `at`, and of its content. */
function lengths(der: Buffer, at: number): { header: number; content: number } {
  const first = der.readUInt8(at + 1);
  if (first < 0x80) return { header: 2, content: first };
  const bytes = first & 0x7f;
  return { header: 2 + bytes, content: der.readUIntBE(at + 2, bytes) };
}

const sized = (tag: number, content: Buffer): Buffer => {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};

const utcTime = (at: Date): string => `${at.toISOString().replaceAll(/[-:T]/g, "").slice(2, 14)}Z`;

/** The same certificate, ending at `end`, signed with the authority's private key. */
export function endingAt(certPem: string, end: Date, authority: unknown): string {
  const { raw } = new X509Certificate(certPem);
  const outer = lengths(raw, 0);
  const signed = lengths(raw, outer.header);
  const tbs = Buffer.from(raw.subarray(outer.header, outer.header + signed.header + signed.content));
  const validity = tbs.indexOf(Buffer.from([0x30, 0x1e, 0x17, 0x0d]));
  if (validity < 0) throw new Error("no validity in UTC time found");
  tbs.write(utcTime(end), validity + 2 + 15 + 2, "latin1");
  const algorithmAt = outer.header + tbs.length;
  const algorithm = lengths(raw, algorithmAt);
  const signature = sign("sha256", tbs, KeyObject.from(authority as Parameters<typeof KeyObject.from>[0]));
  const der = sized(
    0x30,
    Buffer.concat([
      tbs,
      raw.subarray(algorithmAt, algorithmAt + algorithm.header + algorithm.content),
      sized(0x03, Buffer.concat([Buffer.from([0]), signature])),
    ]),
  );
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

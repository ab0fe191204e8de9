// Checks certificates and keys when they are read, so that a mistake is named where it was made and not as a TLS failure
// minutes later. No error carries any of the material.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { KubeconfigError } from "../../actors/ports.ts";

const problem = (field: string, text: string): KubeconfigError => new KubeconfigError("invalid", `${field} ${text}`);

/** The text in a base64 field (`…-data`). */
export const decodeBase64 = (field: string, value: string): string => {
  const compact = value.replaceAll(/\s/g, "");
  if (compact === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw problem(field, "is not base64");
  return Buffer.from(compact, "base64").toString("utf8");
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const parseCertificates = (field: string, pem: string): X509Certificate[] => {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw problem(field, "holds no PEM certificate");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw problem(field, "holds a certificate that cannot be read");
  }
};

export const checkCertificates = (field: string, pem: string): string => {
  parseCertificates(field, pem);
  return pem;
};

const parseKey = (field: string, pem: string): KeyObject => {
  if (/ENCRYPTED/.test(pem)) throw problem(field, "is an encrypted key; store it without a passphrase");
  try {
    return createPrivateKey(pem);
  } catch {
    throw problem(field, "holds no PEM private key");
  }
};

/** Checks that key and certificate belong together. */
export const checkKeyPair = (certField: string, cert: string, keyField: string, key: string): void => {
  const [leaf] = parseCertificates(certField, cert);
  if (leaf?.checkPrivateKey(parseKey(keyField, key)) !== true)
    throw problem(keyField, `is not the key of the certificate in ${certField}`);
};

import * as NodeCrypto from "node:crypto"
import type { Options } from "./model.ts"

/** What `tls.TLSSocket` needs, as PEM. */
export interface Identity {
  readonly key: string
  readonly cert: string
}

/** One DER element: tag, length, content. */
const der = (tag: number, ...content: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(content)
  const size = body.length
  const length =
    size < 0x80
      ? [size]
      : size < 0x100
        ? [0x81, size]
        : /* certificates end below 64 KiB */ [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...content: ReadonlyArray<Uint8Array>) => der(0x30, ...content)
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const bits = (content: Uint8Array) => der(0x03, Buffer.of(0), content)
const time = (year: number) => der(0x18, Buffer.from(`${year}0101000000Z`))
const utcTime = (year: number) => der(0x17, Buffer.from(`${String(year).slice(2)}0101000000Z`))
const name = (commonName: string) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(commonName)))))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const loopback4 = Buffer.of(127, 0, 0, 1)
const loopback6 = Buffer.from([...new Array<number>(15).fill(0), 1])

/** The subjectAltName extension: the only place where clients look for the host. */
const altNames = (hosts: ReadonlyArray<Uint8Array>) =>
  der(0xa3, sequence(sequence(oid("551d11"), der(0x04, sequence(...hosts)))))

const dnsName = (host: string) => der(0x82, Buffer.from(host))
const ipAddress = (bytes: Uint8Array) => der(0x87, bytes)

/**
 * Makes a key and a certificate that it signs itself, valid from 2000 on.
 *
 * Made anew for each server, with the few DER elements that takes, so that neither the repository nor the package holds
 * a private key for scanners to find or for someone to trust.
 */
export const make = (kind: NonNullable<Options["tls"]>): Identity => {
  const { privateKey, publicKey } = NodeCrypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
  const subject = name("Mix fault server (test only)")
  const hosts =
    kind === "wrongHost"
      ? [dnsName("wrong-host.invalid")]
      : [dnsName("localhost"), ipAddress(loopback4), ipAddress(loopback6)]
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), NodeCrypto.randomBytes(8)])),
    ecdsaWithSha256,
    subject,
    // RFC 5280 wants UTCTime until 2049 and GeneralizedTime after.
    sequence(utcTime(2000), kind === "expired" ? utcTime(2001) : time(2100)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    altNames(hosts)
  )
  const certificate = sequence(signed, ecdsaWithSha256, bits(NodeCrypto.sign("sha256", signed, privateKey)))
  const base64 = certificate.toString("base64").replace(/.{64}/g, "$&\n")
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
  }
}

/**
 * Curves on the wire: uint32 (little endian) length of a JSON header, the header padded to a multiple of 8 bytes from the
 * start of the body, then for each curve x float64[n] and y float64[n]. The arrays are views into the body: nothing is copied.
 */
import type { Curve, CurveHeader } from "./types";

export interface Curves {
  curves: Curve[];
  /** Pairs of run and key that have no points. */
  missing: [string, string][];
}

export function decodeCurves(body: ArrayBuffer): Curves {
  const length = new DataView(body).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length))) as {
    curves: CurveHeader[];
    missing?: [string, string][];
  };
  let offset = Math.ceil((4 + length) / 8) * 8;
  const curves = header.curves.map((curve) => {
    const x = new Float64Array(body, offset, curve.n);
    const y = new Float64Array(body, offset + 8 * curve.n, curve.n);
    offset += 16 * curve.n;
    return { ...curve, x, y };
  });
  return { curves, missing: header.missing ?? [] };
}

/** The inverse, for the fixture server and for tests. */
export function encodeCurves(curves: Curve[], missing: [string, string][] = []): ArrayBuffer {
  const headers: CurveHeader[] = curves.map(({ x: _x, y: _y, ...header }) => header);
  let text = JSON.stringify({ curves: headers, missing });
  let bytes = new TextEncoder().encode(text);
  const padding = (8 - ((4 + bytes.length) % 8)) % 8;
  text += " ".repeat(padding);
  bytes = new TextEncoder().encode(text);
  const points = curves.reduce((sum, curve) => sum + curve.n, 0);
  const body = new ArrayBuffer(4 + bytes.length + 16 * points);
  new DataView(body).setUint32(0, bytes.length, true);
  new Uint8Array(body, 4).set(bytes);
  let offset = 4 + bytes.length;
  for (const curve of curves) {
    new Float64Array(body, offset, curve.n).set(curve.x);
    new Float64Array(body, offset + 8 * curve.n, curve.n).set(curve.y);
    offset += 16 * curve.n;
  }
  return body;
}

/** Artifacts as a tree of folders, and what kind of preview each has. */
import type { Artifact } from "../api/types";

export interface ArtifactNode {
  name: string;
  path: string;
  depth: number;
  /** null for a folder. */
  artifact: Artifact | null;
  size: number;
  count: number;
}

export function identify(artifact: Artifact): string {
  return artifact.step === null ? artifact.name : `${artifact.name}@${artifact.step}`;
}

export function artifactTree(artifacts: readonly Artifact[], closed: ReadonlySet<string>): ArtifactNode[] {
  const folders = new Map<string, ArtifactNode>();
  const rows: ArtifactNode[] = [];
  const sorted = [...artifacts].sort(
    (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || (a.step ?? -1) - (b.step ?? -1),
  );
  for (const artifact of sorted) {
    const parts = artifact.name.split("/").filter(Boolean);
    let hidden = false;
    for (let depth = 0; depth < parts.length - 1; depth++) {
      const path = parts.slice(0, depth + 1).join("/");
      let folder = folders.get(path);
      if (!folder) {
        folder = { name: parts[depth] ?? "", path, depth, artifact: null, size: 0, count: 0 };
        folders.set(path, folder);
        if (!hidden) rows.push(folder);
      }
      folder.size += artifact.size;
      folder.count += 1;
      if (closed.has(path)) hidden = true;
    }
    const name = parts.at(-1) ?? artifact.name;
    if (!hidden)
      rows.push({
        name,
        path: identify(artifact),
        depth: Math.max(0, parts.length - 1),
        artifact,
        size: artifact.size,
        count: 1,
      });
  }
  return rows;
}

export type Preview =
  "image" | "audio" | "video" | "pdf" | "html" | "table" | "parquet" | "json" | "markdown" | "text" | "none";

const BY_END: Record<string, Preview> = {
  png: "image",
  jpg: "image",
  jpeg: "image",
  gif: "image",
  webp: "image",
  svg: "image",
  bmp: "image",
  avif: "image",
  wav: "audio",
  mp3: "audio",
  ogg: "audio",
  flac: "audio",
  m4a: "audio",
  mp4: "video",
  webm: "video",
  mov: "video",
  pdf: "pdf",
  html: "html",
  htm: "html",
  csv: "table",
  tsv: "table",
  parquet: "parquet",
  json: "json",
  ipynb: "json",
  md: "markdown",
  markdown: "markdown",
};
const TEXT =
  /\.(txt|log|py|yaml|yml|toml|ini|cfg|sh|rs|c|cc|cpp|h|js|ts|sql|r|jl|diff|patch|jsonl|xml|tex|dockerfile|lock)$/i;

export function previewOf(artifact: Artifact): Preview {
  const end = /\.([^./]+)$/.exec(artifact.name)?.[1]?.toLowerCase() ?? "";
  const kind = BY_END[end];
  if (kind) return kind;
  const type = artifact.media_type ?? "";
  if (type === "application/json") return "json";
  if (type === "text/html") return "html";
  if (type === "text/markdown") return "markdown";
  const family = type.split("/")[0];
  if (family === "image" || family === "audio" || family === "video") return family;
  return TEXT.test(artifact.name) || family === "text" || /yaml|toml|x-python|javascript/.test(type) ? "text" : "none";
}

/** Keys in sections by what stands before their first slash, and the search among them. */

export interface Section {
  title: string;
  keys: string[];
}

const RANK = ["val", "valid", "validation", "eval", "test", "", "train"];

function rank(title: string): number {
  if (/^(system|sys)$/.test(title)) return 100;
  const at = RANK.indexOf(title);
  return at < 0 ? 50 : at;
}

export function sectionsOf(keys: readonly string[]): Section[] {
  const sections = new Map<string, string[]>();
  for (const key of keys) {
    const slash = key.indexOf("/");
    const title = slash > 0 ? key.slice(0, slash) : "";
    const own = sections.get(title);
    if (own) own.push(key);
    else sections.set(title, [key]);
  }
  return [...sections]
    .map(([title, own]) => ({ title, keys: own.sort((a, b) => a.localeCompare(b, undefined, { numeric: true })) }))
    .sort((a, b) => rank(a.title) - rank(b.title) || a.title.localeCompare(b.title));
}

/**
 * Sections in lines: small ones that follow each other stand side by side where all their charts fit into `columns`. A section that has
 * more, or that is folded, has a line of its own.
 */
export function packLines(sections: readonly Section[], columns: number, folded: ReadonlySet<string>): Section[][] {
  const lines: Section[][] = [];
  let room = 0;
  for (const section of sections) {
    const size = folded.has(section.title) ? columns : section.keys.length;
    const line = lines.at(-1);
    if (line && size <= room) line.push(section);
    else {
      lines.push([section]);
      room = columns;
    }
    room -= size;
  }
  return lines;
}

/** Text that the key has, or `/regular expression/`; an expression that is not finished finds all and says why. */
export function keyFilter(text: string): { test: (key: string) => boolean; error: string | null } {
  const pattern = /^\/(.+?)\/?$/.exec(text.trim())?.[1];
  if (pattern !== undefined) {
    try {
      const expression = new RegExp(pattern, "i");
      return { test: (key) => expression.test(key), error: null };
    } catch (error) {
      return { test: () => true, error: error instanceof SyntaxError ? error.message : String(error) };
    }
  }
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return {
    test: (key) =>
      words.every((word) =>
        word.startsWith("!") ? !key.toLowerCase().includes(word.slice(1)) : key.toLowerCase().includes(word),
      ),
    error: null,
  };
}

/** Addresses: `/` is the workspace, `/runs/UID/TAB` a run, `/account/TAB` accounts; below the path under which the server serves. */

export const RUN_TABS = ["overview", "charts", "system", "console", "artifacts", "events", "code"] as const;
export type RunTab = (typeof RUN_TABS)[number];

export const ACCOUNT_TABS = ["own", "users", "teams", "tokens", "retention", "audit"] as const;
export type AccountTab = (typeof ACCOUNT_TABS)[number];

export type Route =
  | { view: "workspace" }
  | { view: "run"; uid: string; tab: RunTab }
  | { view: "account"; tab: AccountTab }
  | { view: "unknown"; path: string };

export function readRoute(pathname: string, root: string): Route {
  const path = pathname.startsWith(root) ? pathname.slice(root.length) : pathname.replace(/^\//, "");
  const [head = "", uid, tab = "overview", ...rest] = path.replace(/\/$/, "").split("/");
  if (head === "" || head === "index.html") return { view: "workspace" };
  const known = RUN_TABS.find((name) => name === tab);
  if (head === "runs" && uid && known && rest.length === 0) return { view: "run", uid: decode(uid), tab: known };
  const account = ACCOUNT_TABS.find((name) => name === (uid ?? "own"));
  if (head === "account" && account && path.split("/").length <= 2) return { view: "account", tab: account };
  return { view: "unknown", path };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

export function runPath(uid: string, tab: RunTab = "overview"): string {
  return `runs/${encodeURIComponent(uid)}${tab === "overview" ? "" : `/${tab}`}`;
}

export function accountPath(tab: AccountTab = "own"): string {
  return tab === "own" ? "account" : `account/${tab}`;
}

/* Lists: pages from the API, filters kept by their page, export of all that fits. On a narrow screen
 * each row becomes a card whose cells name their column. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { all, get, useData } from "./api";
import type { Page, Problem } from "./api";
import { csvCell } from "./format";
import { Empty, Failed, Waiting } from "./ui";

export interface Column<T> {
	name: string;
	cell: (row: T) => ComponentChildren;
	raw: (row: T) => unknown; /* for export */
	number?: boolean;
	main?: boolean; /* the row's heading */
}

function save(name: string, type: string, text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type }));
	const a = document.createElement("a");
	a.href = url;
	a.download = name;
	a.click();
	URL.revokeObjectURL(url);
}

export function Rows<T>({ rows, columns, caption, rowKey }: { rows: T[]; columns: Column<T>[]; caption: string; rowKey: (row: T, i: number) => string | number }): JSX.Element {
	return (
		<div class="scroll" role="region" aria-label={caption} tabIndex={0}>
			<table>
				<caption class="sr">{caption}</caption>
				<thead><tr>{columns.map((c) => <th scope="col" class={c.number ? "num" : ""} key={c.name}>{c.name}</th>)}</tr></thead>
				<tbody>
					{rows.map((r, i) => (
						<tr key={rowKey(r, i)}>
							{columns.map((c) => c.main
								? <th scope="row" data-name={c.name} key={c.name}>{c.cell(r)}</th>
								: <td class={c.number ? "num" : ""} data-name={c.name} key={c.name}>{c.cell(r)}</td>)}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

export function List<T>(props: {
	path: string; columns: Column<T>[]; caption: string; file: string; rowKey: (row: T, i: number) => string | number; kinds?: string[];
	empty: ComponentChildren; filters?: ComponentChildren; turn?: number;
}): JSX.Element {
	const join = props.path.includes("?") ? "&" : "?";
	const first = useData<Page<T>>(props.path + join + "limit=50", props.kinds);
	const [more, setMore] = useState<{ path: string; rows: T[]; next: string | null } | null>(null);
	const [busy, setBusy] = useState("");
	const [error, setError] = useState<Problem | null>(null);
	useEffect(() => {
		if (props.turn) first.again();
	}, [props.turn]);
	const kept = more !== null && more.path === props.path ? more : null;
	const rows = first.data ? [...first.data.items, ...(kept?.rows ?? [])] : [];
	const next = kept ? kept.next : first.data?.next ?? null;
	const load = async (): Promise<void> => {
		setBusy("more");
		try {
			const page = await get<Page<T>>(props.path + join + "limit=200&cursor=" + encodeURIComponent(next ?? ""));
			setMore({ path: props.path, rows: [...(kept?.rows ?? []), ...page.items], next: page.next });
		} catch (e) {
			setError(e as Problem);
		}
		setBusy("");
	};
	const exportAs = async (kind: "csv" | "json"): Promise<void> => {
		setBusy(kind);
		try {
			const everything = await all<T>(props.path);
			if (kind === "json") save(props.file + ".json", "application/json", JSON.stringify(everything, null, 1));
			else save(props.file + ".csv", "text/csv", [props.columns.map((c) => csvCell(c.name)).join(","),
				...everything.map((r) => props.columns.map((c) => csvCell(c.raw(r))).join(","))].join("\r\n") + "\r\n");
		} catch (e) {
			setError(e as Problem);
		}
		setBusy("");
	};
	return (
		<>
			<div class="toolbar">
				{props.filters}
				<div class="export">
					<button type="button" disabled={busy !== ""} onClick={() => void exportAs("csv")}>{busy === "csv" ? "Reading…" : "Export CSV"}</button>
					<button type="button" disabled={busy !== ""} onClick={() => void exportAs("json")}>{busy === "json" ? "Reading…" : "Export JSON"}</button>
				</div>
			</div>
			{error && <Failed error={error} />}
			{first.error ? <Failed error={first.error} again={first.again} /> : !first.data ? <Waiting />
				: rows.length === 0 ? <Empty>{props.empty}</Empty>
					: <Rows rows={rows} columns={props.columns} caption={props.caption} rowKey={props.rowKey} />}
			{next && <p class="more"><button type="button" disabled={busy !== ""} onClick={() => void load()}>{busy === "more" ? "Reading…" : "Show more"}</button></p>}
		</>
	);
}

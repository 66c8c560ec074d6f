/* Stacked columns by hour, with the same numbers as a table. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Hour } from "./api";
import { count, when } from "./format";
import { Empty } from "./ui";
import { Rows } from "./table";

const HOUR = 3600;
const names: Record<string, string> = { hl7: "HL7 v2", astm: "ASTM", poct1a: "POCT1-A", dicom: "DICOM", fhir: "FHIR", vendor: "Own protocol", hl7v3: "HL7 v3" };

/* 24 hours a day; the date where a day begins. */
function hourLabel(t: number): string {
	const d = new Date(t * 1000);
	return d.getHours() === 0 ? d.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : `${String(d.getHours()).padStart(2, "0")}:00`;
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* Every hour of the span has a place, so that a silent hour is seen as one. */
function columns(hours: Hour[], from: string, to: string): { xs: number[]; subs: string[]; ys: number[][] } {
	const start = Math.floor(Date.parse(from) / 1000 / HOUR) * HOUR;
	const end = Math.max(start + HOUR, Math.ceil(Date.parse(to) / 1000 / HOUR) * HOUR);
	const xs: number[] = [];
	for (let t = start; t < end; t += HOUR) xs.push(t);
	const subs = [...new Set(hours.map((h) => h.sub))].sort();
	const ys = subs.map(() => xs.map(() => 0));
	for (const h of hours) {
		const x = Math.round((Date.parse(h.start) / 1000 - start) / HOUR);
		const row = ys[subs.indexOf(h.sub)];
		if (row && x >= 0 && x < xs.length) row[x] = (row[x] ?? 0) + h.n;
	}
	return { xs, subs, ys };
}

export function HourChart({ hours, from, to, theme }: { hours: Hour[]; from: string; to: string; theme: string }): JSX.Element {
	const box = useRef<HTMLDivElement>(null);
	const [asTable, setAsTable] = useState(false);
	const { xs, subs, ys } = useMemo(() => columns(hours, from, to), [hours, from, to]);
	const total = hours.reduce((n, h) => n + h.n, 0);
	useEffect(() => {
		if (!box.current || asTable || subs.length === 0) return;
		const ink = css("--muted"), line = css("--line");
		/* Drawn from the tallest sum down, so that each colour shows its own part. */
		const sums = ys.map((_, k) => xs.map((_x, i) => ys.slice(0, k + 1).reduce((n, y) => n + (y[i] ?? 0), 0)));
		const order = sums.map((_, k) => sums.length - 1 - k);
		const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
		const bars = uPlot.paths.bars!({ size: [0.75, 48] });
		const plot = new uPlot({
			width: box.current.clientWidth, height: 190, legend: { show: false }, cursor: { show: false },
			scales: { x: { range: (_u, min, max) => [min - HOUR / 2, max + HOUR / 2] }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.1, 4)] } },
			axes: [{ ...axis, space: 70, values: (_u, ticks) => ticks.map(hourLabel) }, { ...axis, size: 44 }],
			series: [{}, ...order.map((k) => ({ label: subs[k]!, fill: css(`--c${(k % 6) + 1}`), paths: bars, points: { show: false } }))],
		}, [xs, ...order.map((k) => sums[k]!)], box.current);
		const resize = new ResizeObserver(() => box.current && plot.setSize({ width: box.current.clientWidth, height: 190 }));
		resize.observe(box.current);
		return () => {
			resize.disconnect();
			plot.destroy();
		};
	}, [xs, ys, asTable, theme]);
	if (total === 0) return <Empty><p>No clinical message in these 24 hours.</p></Empty>;
	return (
		<>
			<div class="legend">
				{subs.map((s, k) => <span key={s}><i class={`swatch c${(k % 6) + 1}`} aria-hidden="true" />{names[s] ?? s} <b>{count(ys[k]!.reduce((a, b) => a + b, 0))}</b></span>)}
				<button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{asTable ? "Show chart" : "Show table"}</button>
			</div>
			{asTable
				? <Rows caption="Clinical messages by hour" rowKey={(x) => x} rows={xs.filter((_, i) => ys.some((y) => (y[i] ?? 0) > 0))} columns={[
					{ name: "Hour", main: true, cell: (x) => when(new Date(x * 1000).toISOString()), raw: (x) => x },
					...subs.map((s, k) => ({ name: names[s] ?? s, number: true, cell: (x: number) => count(ys[k]![xs.indexOf(x)] ?? 0), raw: (x: number) => ys[k]![xs.indexOf(x)] })),
				]} />
				: <div ref={box} class="chart" role="img" aria-label={`Clinical messages by hour, ${count(total)} in all; the table holds the same numbers`} />}
		</>
	);
}

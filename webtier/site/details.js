// SPDX-License-Identifier: BSD-3-Clause
// The dialog about one link: its QR code, its visits by day, and how to change or delete it.

import { changeLink, deleteLink, getDays, LINKS } from "./api.js";
import {
	blamed, byId, complain, day, element, fromLocal, HALF_A_TIME, time, toLocal, visits,
} from "./text.js";

const dialog = byId("dialog");
const form = byId("change");
let link = null; // That the dialog is about.
let onChange = () => {};

function fact(name, ...value) {
	return [element("dt", {}, name), element("dd", {}, ...value)];
}

function showFacts() {
	byId("dialog-title").textContent = link.title || link.code;
	const short = byId("dialog-short");
	short.href = `/l/${link.code}`;
	short.textContent = link.short_url;
	short.rel = "noopener noreferrer";
	byId("qr").src = `${LINKS}/${link.code}/qr.svg`;
	byId("qr").alt = `QR code of ${link.short_url}`;
	for (const kind of ["svg", "png"]) {
		byId(`qr-${kind}`).href = `${LINKS}/${link.code}/qr.${kind}`;
		byId(`qr-${kind}`).download = `${link.code}.${kind}`;
	}
	byId("facts").replaceChildren(
		...fact("Visits", visits(link.count)),
		...fact("Made", time(link.created)),
		...(link.updated ? fact("Changed", time(link.updated)) : []),
		...fact("Expires", link.expires ? time(link.expires) : "never"));
}

function fill() {
	form.elements.url.value = link.url;
	form.elements.title.value = link.title;
	form.elements.expires.value = toLocal(link.expires);
	form.elements.permanent.checked = link.permanent;
	for (const each of form.elements) {
		complain(each, byId("change-problem"), "");
	}
}

function showDays(found) {
	const most = found.days.reduce((a, b) => (b.count > a.count ? b : a));
	byId("days").replaceChildren(...found.days.map((each) => {
		const bar = element("span", { title: `${day(each.day)}: ${visits(each.count)}` });
		bar.style.height = `${most.count ? (100 * each.count) / most.count : 0}%`;
		return bar;
	}));
	byId("days-summary").textContent = found.count === 0 ? "None yet." :
		`${visits(found.count)} in all; most on ${day(most.day)}: ${visits(most.count)}.`;
	byId("days-rows").replaceChildren(...found.days.toReversed().map((each) =>
		element("tr", {}, element("th", { scope: "row" }, day(each.day)),
			element("td", { className: "number" }, String(each.count)))));
}

export async function showDetails(about, changed) {
	link = about;
	onChange = changed;
	showFacts();
	fill();
	resetDelete();
	byId("days").replaceChildren();
	byId("days-rows").replaceChildren();
	byId("days-summary").textContent = "";
	dialog.showModal();
	byId("dialog-title").focus();
	try {
		const found = await getDays(about.code);
		if (link === about) {
			showDays(found);
		}
	} catch (error) {
		byId("days-summary").textContent = error.message;
	}
}

// Only what was changed is sent: somebody else may be changing the rest.
function changes() {
	const members = {};
	const { url, title, expires, permanent } = form.elements;
	if (url.value.trim() !== link.url) {
		members.url = url.value.trim();
	}
	if (title.value.trim() !== link.title) {
		members.title = title.value.trim();
	}
	if (expires.value !== toLocal(link.expires)) {
		members.expires = fromLocal(expires.value);
	}
	if (permanent.checked !== link.permanent) {
		members.permanent = permanent.checked;
	}
	return members;
}

form.addEventListener("submit", async (event) => {
	event.preventDefault();
	if (form.elements.expires.validity.badInput) {
		complain(form.elements.expires, byId("change-problem"), HALF_A_TIME);
		return;
	}
	const members = changes();
	try {
		if (Object.keys(members).length > 0) {
			await changeLink(link.code, members);
		}
		dialog.close();
		await onChange(`${link.code} is changed.`);
	} catch (error) {
		complain(form.elements[blamed(error)], byId("change-problem"), error.message);
	}
});

// The first press asks, the second deletes: no dialog on a dialog.
function resetDelete() {
	byId("delete").textContent = "Delete";
	delete byId("delete").dataset.sure;
}

byId("delete").addEventListener("blur", resetDelete);

byId("delete").addEventListener("click", async () => {
	if (!byId("delete").dataset.sure) {
		byId("delete").dataset.sure = "yes";
		byId("delete").textContent = "Really delete? It cannot be undone";
		return;
	}
	try {
		await deleteLink(link.code);
		dialog.close();
		await onChange(`${link.code} is deleted.`);
	} catch (error) {
		complain(form.elements.url, byId("change-problem"), error.message);
	}
});

byId("dialog-close").addEventListener("click", () => dialog.close());

// SPDX-License-Identifier: BSD-3-Clause
// How things are written on the page. All that comes from the server is put in as text, never as
// markup.

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const numberFormat = new Intl.NumberFormat();

export const byId = (id) => document.getElementById(id);

export const number = (value) => numberFormat.format(value);

export const visits = (count) => `${number(count)} ${count === 1 ? "visit" : "visits"}`;

export const day = (text) => dayFormat.format(new Date(`${text}T00:00:00Z`));

export function element(name, properties = {}, ...content) {
	const made = Object.assign(document.createElement(name), properties);
	made.append(...content);
	return made;
}

// A time of the server's (UTC) in the reader's time zone.
export const time = (text) =>
	element("time", { dateTime: text }, timeFormat.format(new Date(text)));

// Between the server's times and what <input type="datetime-local"> has.
export function toLocal(text) {
	if (!text) {
		return "";
	}
	const at = new Date(text);
	return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

export const fromLocal = (text) => (text ? new Date(text).toISOString() : null);

export const HALF_A_TIME = "Please complete the date and the time, or clear both.";

// The name of the input that the server's words are about.
export const blamed = (error) =>
	error.message.match(/^(?:the |")?(code|title|expires)\b/)?.[1] ?? "url";

// Says what is wrong with an input; "" takes it back.
export function complain(input, place, text) {
	place.textContent = text;
	if (input.matches("input")) {
		input.setAttribute("aria-invalid", String(text !== ""));
	}
	if (text) {
		input.focus();
	}
}

// Puts 'text' on the clipboard, and says so on the button for a while.
export async function copy(button, text, selectable) {
	const before = button.dataset.text ?? button.textContent;
	button.dataset.text = before;
	try {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
	} catch {
		// Without the permission it can still be selected and copied by hand.
		if (selectable) {
			getSelection().selectAllChildren(selectable);
			button.textContent = "Selected";
		} else {
			button.textContent = "Not allowed by the browser";
		}
	}
	setTimeout(() => {
		button.textContent = before;
	}, 3000);
}

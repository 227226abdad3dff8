/* SPDX-License-Identifier: BSD-3-Clause */
/* The manual page; see weirctl_manual.h. Texts of the tables are escaped, the rest is mdoc. */
#include "controlplane/weirctl_manual.h"

#include <ctype.h>
#include <string.h>

/* Text as roff takes it: a line that begins with a dot or a quote would be a request, and a
 * backslash an escape; '-' of options is a minus, to be copied and searched for. */
static void
put(const char *text, FILE *file)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", file);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", file);
		else if (*text == '-')
			fputs("\\-", file);
		else
			fputc(*text, file);
	}
}

/* As a sentence: the tables have neither capitals nor full stops. */
static void
put_sentence(const char *text, FILE *file)
{
	char first[2] = {(char)toupper((unsigned char)text[0]), '\0'};

	put(first, file);
	put(text + 1, file);
	fputs(".\n", file);
}

/* A flag as mdoc's Fl wants it, without its first dash. */
static void
put_flag(const char *flag, const char *value, FILE *file)
{
	bool optional = value && value[0] == '[';

	fputs("Fl ", file);
	put(flag + 1, file);
	if (!value)
		return;
	fprintf(file, optional ? " Oo Ar " : " Ar ");
	fprintf(file, "%.*s", (int)strcspn(value + optional, "]"), value + optional);
	if (optional)
		fputs(" Oc", file);
}

static void
put_parameter(const struct parameter *parameter, FILE *file)
{
	if (parameter->flag)
		put_flag(parameter->flag, parameter->value, file);
	else
		fprintf(file, "Ar %s", parameter->value);
}

static void
print_command(const struct command *command, FILE *file)
{
	const struct parameter *parameter = command->parameters;

	fprintf(file, ".It Xo\n.Cm %s\n", command->name);
	for (; parameter && parameter->member; parameter++) {
		fputs(parameter->required ? "." : ".Op ", file);
		put_parameter(parameter, file);
		fputs("\n", file);
	}
	fputs(".Xc\n", file);
	put_sentence(command->help, file);
	if (command_is_watchable(command))
		fputs("May be watched.\n", file);
	if (!command->parameters)
		return;
	fputs(".Bl -tag -width Ds -compact\n", file);
	for (parameter = command->parameters; parameter->member; parameter++) {
		fputs(".It ", file);
		put_parameter(parameter, file);
		fputs("\n", file);
		put_sentence(parameter->help, file);
	}
	fputs(".El\n", file);
}

static void
print_options(FILE *file)
{
	struct option_text option;

	fputs(".Pp\nThe options may stand anywhere:\n.Bl -tag -width Ds\n", file);
	for (size_t i = 0; arguments_option(i, &option); i++) {
		fputs(".It ", file);
		put_flag(option.flag, option.value, file);
		fputs("\n", file);
		put_sentence(option.help, file);
	}
	fputs(".El\n", file);
}

static const char head[] =
	".\\\" Written by weirctl from its table of commands.\n"
	".Dd $Mdocdate: November 23 2026 $\n"
	".Dt WEIRCTL 8\n"
	".Os\n"
	".Sh NAME\n"
	".Nm weirctl\n"
	".Nd ask and tell a weir load balancer\n"
	".Sh SYNOPSIS\n"
	".Nm\n"
	".Op Ar option ...\n"
	".Ar command\n"
	".Op Ar argument ...\n"
	".Sh DESCRIPTION\n"
	".Nm\n"
	"asks the control plane of a load balancer,\n"
	".Xr weir-controlplane 8 ,\n"
	"by its admin socket, and shows the answer as a table for people or, with\n"
	".Fl \\-json ,\n"
	"for programs.\n"
	"Which socket that is stands in the cluster file,\n"
	".Xr weir.yaml 5 .\n";

static const char watching[] =
	".Ss Watching\n"
	"With\n"
	".Fl \\-watch\n"
	"a list is asked for again and again.\n"
	"From the second time on counters are shown as what they grow by in a second:\n"
	"their columns end with\n"
	".Sq /S ,\n"
	"and in JSON, of which each answer is one line, their members end with\n"
	".Sq _per_s .\n"
	"A node that does not answer is asked on.\n"
	".Ss Capturing\n"
	"The file that\n"
	".Cm capture\n"
	"writes is in the format pcapng.\n"
	"Each port of the dataplane is two interfaces in it,\n"
	"of which one has frames as they came in and the other those that leave.\n"
	"Both frames of a packet have the same\n"
	".Sq packet id ;\n"
	"a comment says what became of the packet.\n"
	"Frames are without the tag of the port's VLAN,\n"
	"and those that the host's own kernel sends are not among them.\n"
	"Frames are lost, and counted, when they come faster than they can be written.\n"
	"The file has what people said to each other: only its owner may read it.\n"
	".Ss Completing\n"
	"In bash\n"
	".Dl source <(weirctl completion bash)\n"
	"and in zsh, behind compinit,\n"
	".Dl source <(weirctl completion zsh)\n"
	"make the shell complete commands, options, and the names that the node knows.\n";

static const char foot[] = ".Sh FILES\n"
			   ".Bl -tag -width Ds\n"
			   ".It Pa /etc/weir/weir.yaml\n"
			   "The cluster file, unless\n"
			   ".Fl \\-config\n"
			   "names another.\n"
			   ".El\n";

static const char examples[] =
	".Sh EXAMPLES\n"
	"What every service gets, now:\n"
	".Dl weirctl services --watch\n"
	".Pp\n"
	"Where a client's packets go, as a file for Wireshark:\n"
	".Dl weirctl capture --client 192.0.2.7 --seconds 10 -w /tmp/client.pcapng\n"
	".Pp\n"
	"Names of backends that are down:\n"
	".Dl weirctl backends --json | jq -r '.[] | select(.state == \\(dqdown\\(dq).backend'\n"
	".Sh SEE ALSO\n"
	".Xr weir.yaml 5 ,\n"
	".Xr weir 7 ,\n"
	".Xr weir-controlplane 8 ,\n"
	".Xr weir-dataplane 8\n";

void
manual_print(const struct command *commands, FILE *file)
{
	fputs(head, file);
	print_options(file);
	fputs(".Pp\nThe commands are:\n.Bl -tag -width Ds\n", file);
	for (; commands->name; commands++)
		print_command(commands, file);
	fputs(".It Cm help Op Ar command\nExplain one command, or all.\n.El\n", file);
	fputs(watching, file);
	fputs(foot, file);
	fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", file);
	for (const struct exit_status *exit = arguments_exit_statuses(); exit->meaning; exit++) {
		fprintf(file, ".It %d\n", exit->status);
		put_sentence(exit->meaning, file);
	}
	fputs(".El\n", file);
	fputs(examples, file);
}

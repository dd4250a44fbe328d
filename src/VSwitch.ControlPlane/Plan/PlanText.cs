using System.Globalization;
using System.Text;

namespace VSwitch.ControlPlane.Plan;

/// <summary>One line of a printed plan.</summary>
/// <param name="Action">What the line is about: its colour on a terminal.</param>
/// <param name="Text">The line, with its sign and its indentation.</param>
public sealed record PlanLine(ChangeAction Action, string Text);

/// <summary>A plan as people read it: a line for each thing, its short settings behind its name, the items of its lists below.</summary>
public static class PlanText
{
    /// <summary>Items of one list that are printed when nobody asks for all.</summary>
    public const int MostItems = 100;

    private const int MostInline = 5;
    private const string Indent = "    ";

    /// <summary>The lines of a plan, without the summary.</summary>
    /// <param name="changes">The plan.</param>
    /// <param name="mostItems">Items of one list that are printed; the rest is counted.</param>
    public static IEnumerable<PlanLine> Lines(IReadOnlyList<ConfigChange> changes, int mostItems = MostItems) =>
        changes.SelectMany(c => LinesOf(c, mostItems));

    /// <summary>A kind as people call it: elastic IP for elastic-ip.</summary>
    public static string Words(string kind) => kind switch
    {
        "elastic-ip" => "elastic IP",
        "network-acl" => "network ACL",
        "nat-gateway" => "NAT gateway",
        _ => kind.Replace('-', ' '),
    };

    private static IEnumerable<PlanLine> LinesOf(ConfigChange change, int mostItems)
    {
        var head = new StringBuilder($"{Sign(change.Action)} {Words(change.Kind)}");
        if (change.Name != change.Kind)
        {
            head.Append(CultureInfo.InvariantCulture, $" {Plain(change.Name)}");
        }

        if (change.Vpc != null)
        {
            head.Append(CultureInfo.InvariantCulture, $" of vpc {Plain(change.Vpc)}");
        }

        var below = new List<FieldChange>();
        foreach (FieldChange field in change.Fields)
        {
            if (Inline(change.Action, field) is string text)
            {
                head.Append(CultureInfo.InvariantCulture, $"  {text}");
            }

            if (!IsInlineList(change.Action, field) && (field.Added != null || field.Removed != null))
            {
                below.Add(field);
            }
        }

        yield return new PlanLine(change.Action, head.ToString());
        foreach (PlanLine line in below.SelectMany(f => Items(f, mostItems)))
        {
            yield return line;
        }
    }

    /// <summary>A list of few short words stands behind the name of a thing that is new or goes: "securityGroups web, db".</summary>
    private static bool IsInlineList(ChangeAction action, FieldChange field) =>
        action != ChangeAction.Change && (field.Added ?? field.Removed) is { Count: <= MostInline } items && !items.Any(i => i.Contains(' ', StringComparison.Ordinal));

    private static string? Inline(ChangeAction action, FieldChange field)
    {
        if (action != ChangeAction.Change)
        {
            return IsInlineList(action, field) ? $"{field.Name} {Plain(string.Join(", ", field.Added ?? field.Removed!))}"
                : (field.To ?? field.From) is string value ? $"{field.Name} {Plain(value)}"
                : null;
        }

        return field.From == null && field.To == null ? null
            : $"{field.Name} {Plain(field.From ?? Absent(field, field.Removed))} -> {Plain(field.To ?? Absent(field, field.Added))}";
    }

    /// <summary>What stands on the empty side of an arrow.</summary>
    private static string Absent(FieldChange field, IReadOnlyList<string>? items) =>
        items != null ? $"{items.Count} listed" : field.Added != null || field.Removed != null ? "listed" : "not set";

    private static IEnumerable<PlanLine> Items(FieldChange field, int mostItems)
    {
        FieldChange shown = field.Limit(mostItems);
        foreach (string item in shown.Removed ?? [])
        {
            yield return new PlanLine(ChangeAction.Remove, $"{Indent}- {field.Name} {Plain(item)}");
        }

        foreach (string item in shown.Added ?? [])
        {
            yield return new PlanLine(ChangeAction.Add, $"{Indent}+ {field.Name} {Plain(item)}");
        }

        if (shown.Omitted is int omitted)
        {
            yield return new PlanLine(ChangeAction.Change, $"{Indent}  {field.Name}: {omitted} more");
        }
    }

    private static char Sign(ChangeAction action) => action switch
    {
        ChangeAction.Add => '+',
        ChangeAction.Remove => '-',
        _ => '~',
    };

    /// <summary>Names may hold anything; a terminal gets no control characters of theirs.</summary>
    private static string Plain(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()))
        : text;
}

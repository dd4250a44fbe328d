using System.Collections;
using System.Reflection;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Compares configurations value by value, by reflection, so that no setting can be forgotten; places in the text do not
/// count.</summary>
public static class ConfigEquality
{
    /// <summary>The first difference as "Enis[2].Mac: x, y"; null when there is none.</summary>
    public static string? Difference(object? a, object? b, string path = "config")
    {
        if (a == null || b == null)
        {
            return a == null && b == null ? null : $"{path}: {a ?? "null"}, {b ?? "null"}";
        }

        Type type = a.GetType();
        if (a is not string && a is IEnumerable first && b is IEnumerable second)
        {
            object?[] left = InOrder(first);
            object?[] right = InOrder(second);
            return left.Length != right.Length ? $"{path}: {left.Length} items, {right.Length} items"
                : left.Select((item, i) => Difference(item, right[i], $"{path}[{i}]")).FirstOrDefault(d => d != null);
        }

        bool isOurs = type.Namespace == typeof(SwitchConfig).Namespace && !type.IsEnum;
        if (!isOurs)
        {
            return a.Equals(b) ? null : $"{path}: {a}, {b}";
        }

        return type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetIndexParameters().Length == 0 && p.PropertyType != typeof(SourcePosition))
            .Select(p => Difference(p.GetValue(a), p.GetValue(b), $"{path}.{p.Name}")).FirstOrDefault(d => d != null);
    }

    private static object?[] InOrder(IEnumerable items) => items is IReadOnlyDictionary<IpAddress, MacAddress> neighbors
        ? [.. neighbors.OrderBy(n => n.Key).Select(n => (object)n)]
        : [.. items.Cast<object?>()];
}

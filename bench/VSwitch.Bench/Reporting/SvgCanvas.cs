using System.Globalization;
using System.Net;
using System.Text;

namespace VSwitch.Bench.Reporting;

/// <summary>Where a text stands about its point.</summary>
internal enum TextAnchor
{
    /// <summary>The point is at its left.</summary>
    Start,

    /// <summary>The point is in its middle.</summary>
    Middle,

    /// <summary>The point is at its right.</summary>
    End,
}

/// <summary>A drawing as SVG 1.1 text, on a white ground so that it can be read on any page. Coordinates in pixels from the upper left corner.</summary>
internal sealed class SvgCanvas
{
    private const double FontPixels = 13;
    private readonly StringBuilder _text = new();

    /// <summary>Starts a drawing.</summary>
    public SvgCanvas(double width, double height, string title)
    {
        Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"{FontPixels}\">\n");
        _text.Append("<title>").Append(WebUtility.HtmlEncode(title)).Append("</title>\n");
        Append($"<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n");
    }

    /// <summary>A straight line.</summary>
    /// <param name="dash">Lengths of dashes and gaps; empty = none.</param>
    public void Line(double x1, double y1, double x2, double y2, string color, double width = 1, string dash = "") =>
        Polyline([(x1, y1), (x2, y2)], color, width, dash);

    /// <summary>Lines from point to point.</summary>
    public void Polyline(IEnumerable<(double X, double Y)> points, string color, double width = 2, string dash = "")
    {
        IEnumerable<string> pairs = points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.X:0.#},{p.Y:0.#}"));
        string dashes = dash.Length == 0 ? "" : $" stroke-dasharray=\"{dash}\"";
        Append($"<polyline points=\"{string.Join(' ', pairs)}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dashes}/>\n");
    }

    /// <summary>A filled disc.</summary>
    public void Dot(double x, double y, double radius, string color) =>
        Append($"<circle cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"{radius}\" fill=\"{color}\"/>\n");

    /// <summary>A filled rectangle.</summary>
    public void Box(double x, double y, double width, double height, string color) =>
        Append($"<rect x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{width:0.#}\" height=\"{height:0.#}\" fill=\"{color}\"/>\n");

    /// <summary>A text whose base line goes through a point.</summary>
    public void Text(double x, double y, string text, TextAnchor anchor = TextAnchor.Start, string color = "#222222", bool isBold = false)
    {
        string weight = isBold ? " font-weight=\"bold\"" : "";
        Append($"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor.ToString().ToLowerInvariant()}\" fill=\"{color}\"{weight}>{WebUtility.HtmlEncode(text)}</text>\n");
    }

    /// <summary>The whole drawing.</summary>
    public override string ToString() => $"{_text}</svg>\n";

    private void Append(FormattableString text) => _text.Append(text.ToString(CultureInfo.InvariantCulture));
}

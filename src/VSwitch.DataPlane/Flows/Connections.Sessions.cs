using VSwitch.DataPlane.Balancing;

namespace VSwitch.DataPlane.Flows;

/// <content>Connections of load balancers' clients. Each has a session, which a connection's end ends.</content>
public sealed unsafe partial class Connections
{
    /// <summary>The client of a connection whose destination is translated, as its packets show it.</summary>
    /// <param name="entry">The connection.</param>
    /// <param name="forward">The action of its opener's packets.</param>
    /// <param name="openerPort">Port of its opener.</param>
    /// <param name="endpoint">The other end; its number is not known here.</param>
    internal static SessionKey SessionKeyOf(FlowEntry* entry, in FlowAction forward, int openerPort, out Session endpoint)
    {
        bool swapped = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        uint source = (uint)(swapped ? entry->KeyLow >> 32 : entry->KeyLow);
        uint destination = (uint)(swapped ? entry->KeyLow : entry->KeyLow >> 32);
        ushort sourcePort = (ushort)(swapped ? entry->KeyHigh >> 16 : entry->KeyHigh);
        ushort destinationPort = (ushort)(swapped ? entry->KeyHigh : entry->KeyHigh >> 16);
        int space = openerPort == 0 ? 0 : (ushort)(entry->KeyHigh >> 32);
        endpoint = new Session(destination, destinationPort, 0);
        return SessionKey.Of(
            space, source, sourcePort, destination ^ forward.DestinationXor, (ushort)(destinationPort ^ (forward.PortXor >> 16)),
            (byte)(entry->KeyHigh >> 48));
    }

    /// <summary>A connection ends: its session too, if it has one.</summary>
    private void ReleaseSession(FlowEntry* entry)
    {
        FlowAction* forward = ForwardOf(entry);
        if (Sessions == null || forward->Translates != FlowAction.TranslatesPorts || (entry->Flags & FlowFlags.HasPublicPort) != 0)
        {
            return;
        }

        SessionKey key = SessionKeyOf(entry, *forward, DetailOf(entry)->OpenerPort, out Session endpoint);
        if (Sessions.TryFind(key, _nowMs, out Session session) && session.Address == endpoint.Address && session.Port == endpoint.Port)
        {
            Sessions.Release(key, session);
        }
    }

    /// <summary>A copy of a connection goes the same way as the connection.</summary>
    private void ImportSession(FlowEntry* entry)
    {
        FlowAction* forward = ForwardOf(entry);
        if (Sessions == null || forward->Translates != FlowAction.TranslatesPorts || (entry->Flags & FlowFlags.HasPublicPort) != 0)
        {
            return;
        }

        SessionKey key = SessionKeyOf(entry, *forward, DetailOf(entry)->OpenerPort, out Session endpoint);
        Sessions.ImportFromParent(key, endpoint, _nowMs);
    }
}

using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Translation of ports. The questions: is this packet the one that the connection's mapping speaks of, and what stands in it
/// then? Only connections with a <see cref="PortMapping"/> come here.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>A packet that came for a mapped address and port, and whose connection is known and of the policy in force: nothing
    /// about it needs to be admitted again. False, and nothing was done, when it is to be looked at.</summary>
    private bool TryMappedHit(PacketBuffer* p)
    {
        const PacketFlags Others = PacketFlags.NoKey | PacketFlags.IcmpError | PacketFlags.Fragment;
        FlowEntry* entry = (p->Flags & Others) == 0 ? FindEntry(p) : null;
        if (entry == null)
        {
            return false;
        }

        FlowAction* action = ActionOf(p, entry);
        return Fits(p, action) && Hit(p, entry, action) == HitOutcome.Done;
    }

    /// <summary>True when the action makes the packet's destination the one of its key. Two public addresses may stand for one private one,
    /// so a key alone does not say whose packet it is. To an EIP of this switch from behind a NAT gateway, the key has that EIP as the
    /// packet does.</summary>
    private static bool IsTranslatedBy(PacketBuffer* p, FlowAction* action)
    {
        uint destination = *(uint*)(p->Data + p->L3Offset + 16);
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        uint keyed = (uint)(swapped ? p->KeyLow : p->KeyLow >> 32);
        if (action->HairpinMeter != 0 && destination == keyed)
        {
            return true;
        }

        if ((destination ^ action->DestinationXor) != keyed)
        {
            return false;
        }

        if ((p->Flags & PacketFlags.LaterFragment) != 0)
        {
            return true;
        }

        byte* l4 = p->Data + p->L4Offset;
        ushort inside = (ushort)(swapped ? p->KeyHigh : p->KeyHigh >> 16);
        return p->Protocol switch
        {
            ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp => inside == (ushort)(*(ushort*)(l4 + 2) ^ (action->PortXor >> 16)),
            ParseStage.Icmp => inside == 0 || inside == (ushort)(*(ushort*)(l4 + 4) ^ (action->PortXor >> 16)),
            _ => true,
        };
    }

    /// <summary>The same of a packet that an error quotes: its source is the error's destination.</summary>
    private static bool IsQuoteTranslatedBy(PacketBuffer* p, FlowAction* action, in Quote quote)
    {
        if (action->Translates != FlowAction.TranslatesPorts && (p->Flags & PacketFlags.Mapped) == 0)
        {
            return true;
        }

        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        uint source = *(uint*)(p->Data + quote.L3Offset + 12);
        uint keyed = (uint)(swapped ? p->KeyLow : p->KeyLow >> 32);
        uint ports = QuotedPorts(p, quote, out _);
        ushort inside = (ushort)(swapped ? p->KeyHigh : p->KeyHigh >> 16);
        return (action->HairpinMeter != 0 && source == keyed) ||
            ((source ^ action->DestinationXor) == keyed && (inside == 0 || inside == (ushort)(ports ^ (action->PortXor >> 16))));
    }

    /// <summary>Writes the other ports. The checksum of TCP and UDP is mended with the addresses; that of an ICMP query here, which has no
    /// pseudo header.</summary>
    private static void TranslatePorts(PacketBuffer* p, FlowAction* action)
    {
        if ((p->Flags & PacketFlags.LaterFragment) != 0)
        {
            return;
        }

        byte* l4 = p->Data + p->L4Offset;
        if (p->Protocol is ParseStage.Tcp or ParseStage.Udp)
        {
            *(uint*)l4 ^= action->PortXor;
        }
        else if (p->Protocol == ParseStage.Icmp)
        {
            ushort* identifier = (ushort*)(l4 + 4);
            ushort old = *identifier;
            *identifier = (ushort)(old ^ (action->PortXor | (action->PortXor >> 16)));
            ushort* checksum = (ushort*)(l4 + 2);
            *checksum = InternetChecksum.ApplyRaw(*checksum, InternetChecksum.DeltaRaw(old, *identifier));
        }
    }

    /// <summary>Writes the other ports of a quoted packet and mends the error's checksum for them.</summary>
    /// <returns>What the change adds to the complement of the quoted transport checksum.</returns>
    private static ushort TranslateQuotedPorts(PacketBuffer* p, FlowAction* action, in Quote quote)
    {
        byte* l4 = p->Data + quote.L4Offset;
        uint xor = (action->PortXor >> 16) | (action->PortXor << 16);
        if (quote.Protocol == ParseStage.Icmp)
        {
            // In the error's checksum the identifier and the quoted checksum cancel.
            ushort* identifier = (ushort*)(l4 + 4);
            ushort before = *identifier;
            *identifier = (ushort)(before ^ (xor | (xor >> 16)));
            ushort* checksum = (ushort*)(l4 + 2);
            *checksum = InternetChecksum.ApplyRaw(*checksum, InternetChecksum.DeltaRaw(before, *identifier));
            return 0;
        }

        if (quote.Protocol is not (ParseStage.Tcp or ParseStage.Udp))
        {
            return 0;
        }

        uint old = *(uint*)l4;
        *(uint*)l4 = old ^ xor;
        ushort delta = InternetChecksum.DeltaRaw(old, old ^ xor);
        ushort* outer = (ushort*)(p->Data + p->L4Offset + 2);
        *outer = InternetChecksum.ApplyRaw(*outer, delta);
        return delta;
    }
}
